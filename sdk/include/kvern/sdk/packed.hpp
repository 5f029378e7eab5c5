// Storage of keys and values as few bytes a vector: a class says how one vector is packed, all else is here. It needs the headers of
// kvern::kernels, for the conversion of bfloat16 and float16.
#pragma once
#include <kvern/sdk/key_cache.hpp>

#include "kernels/dtype.hpp"

KVERN_SDK_BEGIN

/// How one vector of a key or value is packed:
///
///   explicit Codec(const Create &)
///   int64_t bytes(int64_t dim) const             of a packed vector
///   void pack(std::span<const float> x, std::byte *to) const
///   void unpack(const std::byte *from, std::span<float> x) const
template <class C>
concept Codec = std::constructible_from<C, const Create &> &&
    requires(const C &c, int64_t n, std::span<const float> x, std::span<float> out, std::byte *to,
             const std::byte *from) {
  { c.bytes(n) } -> std::convertible_to<int64_t>;
  c.pack(x, to);
  c.unpack(from, out);
};

/// float32, bfloat16 or float16; UNSUPPORTED for others.
inline kernels::Dtype element_type(DLDataType type) {
  if (type.lanes == 1 && type.code == kDLFloat && type.bits == 32) return kernels::Dtype::f32;
  if (type.lanes == 1 && type.code == kDLFloat && type.bits == 16) return kernels::Dtype::f16;
  if (type.lanes == 1 && type.code == kDLBfloat && type.bits == 16) return kernels::Dtype::bf16;
  fail(KVERN_UNSUPPORTED, "keys of type code ", int{type.code}, " and ", int{type.bits},
       " bits: float32, bfloat16 or float16 can be packed");
}

/// Packed keys and values of one layer, a SlotLayer.
template <Codec C>
class PackedLayer {
 public:
  explicit PackedLayer(const LayerCreate &layer)
      : codec_(layer.create),
        type_(element_type(layer.create.type)),
        dim_k_(layer.layer.head_dim_k),
        dim_v_(layer.layer.head_dim_v),
        keys_(layer, codec_.bytes(dim_k_), {kDLUInt, 8, 1}),
        values_(layer, codec_.bytes(dim_v_), {kDLUInt, 8, 1}) {
    if (layer.layer.values_in_keys())
      fail(KVERN_UNSUPPORTED, "layer ", layer.number, " has its values in its keys, which are not packed");
  }

  const C &codec() const { return codec_; }
  int64_t heads() const { return keys_.heads(); }

  /// Packed keys and values [rows, heads, slots, bytes] of the first used.rows x used.slots.
  void read_packed(const Extent &used, OutTensor &k_desc, DLTensor *k, OutTensor &v_desc, DLTensor *v) const {
    keys_.read(used, keys_.dim(), k_desc, k);
    values_.read(used, values_.dim(), v_desc, v);
  }
  /// Elements of unpacked keys and values.
  int64_t elements(const Extent &used) const {
    return product(used.rows, heads(), used.slots, dim_k_ + dim_v_);
  }
  /// Exports them unpacked, in memory that holds so many elements.
  void unpack(const Extent &used, std::byte *memory, DLDataType type, OutTensor &k_desc, DLTensor *k,
              OutTensor &v_desc, DLTensor *v) const {
    const auto one = [&](const DenseTensor &from, int64_t dim, OutTensor &desc, DLTensor *out) {
      OutTensor packed_desc;
      DLTensor packed;
      from.read(used, from.dim(), packed_desc, &packed);
      desc.export_to(out, memory, packed.device, type, {used.rows, heads(), used.slots, dim});
      unpack_block(block_of(packed), used, dim, memory);
      memory += product(used.rows, heads(), used.slots, dim) * element_bytes(type);
    };
    one(keys_, dim_k_, k_desc, k);
    one(values_, dim_v_, v_desc, v);
  }

  void resize(const Extent &wanted, const Extent &used) {
    const Extent before = keys_.allocated();
    keys_.resize(wanted, used);
    try {
      values_.resize(wanted, used);
    } catch (...) {
      keys_.restore(before, used);
      throw;
    }
  }
  void store(int64_t slot, const DLTensor &k, const DLTensor *v) {
    pack_block(k, slot, dim_k_, keys_);
    pack_block(*v, slot, dim_v_, values_);
  }
  void read(const Extent &, OutTensor &, DLTensor *, OutTensor &, DLTensor *) const {
    fail(KVERN_INTERNAL, "packed keys are exported by their storage");
  }
  int64_t bytes() const { return keys_.bytes() + values_.bytes(); }
  int64_t bytes_used(const Extent &used) const {
    return product(used.rows, used.slots, heads(), keys_.slot_bytes() + values_.slot_bytes());
  }
  void clear(int64_t row, int64_t begin, int64_t end) {
    each([&](DenseTensor &part) { part.clear(row, begin, end); });
  }
  void gather(std::span<const int64_t> rows, int64_t used_slots, std::vector<std::byte> &scratch) {
    each([&](DenseTensor &part) { part.gather(rows, used_slots, scratch); });
  }
  void shift(const Extent &used, int64_t by) {
    each([&](DenseTensor &part) { part.shift(used, by); });
  }
  void drop(const Extent &used, int64_t begin, int64_t count) {
    each([&](DenseTensor &part) { part.drop(used, begin, count); });
  }
  void append(int64_t row, int64_t slot, const PackedLayer &other, const Extent &used) {
    keys_.append(row, slot, other.keys_, used);
    values_.append(row, slot, other.values_, used);
  }
  void save(Writer &out, int64_t rows, int64_t begin, int64_t end) const {
    keys_.save(out, rows, begin, end);
    values_.save(out, rows, begin, end);
  }
  void load(Reader &in, int64_t rows, int64_t begin, int64_t end) {
    each([&](DenseTensor &part) { part.load(in, rows, begin, end); });
  }
  PackedLayer(const PackedLayer &other, const Extent &used)
      : codec_(other.codec_),
        type_(other.type_),
        dim_k_(other.dim_k_),
        dim_v_(other.dim_v_),
        keys_(other.keys_.copy(used)),
        values_(other.values_.copy(used)) {}
  PackedLayer(PackedLayer &&) noexcept = default;

 private:
  template <class Do>
  void each(Do &&call) {
    call(keys_);
    call(values_);
  }

  void pack_block(const DLTensor &from, int64_t slot, int64_t dim, DenseTensor &to) {
    const int64_t heads = from.shape[1], n = from.shape[2];
    const Block block = block_of(from);
    std::vector<float> x(static_cast<std::size_t>(dim));
    int64_t at = 0;  // in the order of change: rows, heads, slots
    to.change(from.shape[0], slot, slot + n, [&](std::byte *packed) {
      const std::byte *vector = block.data + at / (heads * n) * block.row_stride +
                                at / n % heads * block.head_stride + at % n * block.slot_stride;
      for (int64_t d = 0; d < dim; ++d)
        x[static_cast<std::size_t>(d)] = kernels::load_element(vector, type_, d);
      codec_.pack(x, packed);
      ++at;
    });
  }

  void unpack_block(const Block &from, const Extent &used, int64_t dim, std::byte *to) const {
    std::vector<float> x(static_cast<std::size_t>(dim));
    for (int64_t row = 0; row < used.rows; ++row)
      for (int64_t head = 0; head < heads(); ++head)
        for (int64_t slot = 0; slot < used.slots; ++slot, to += dim * kernels::size_of(type_)) {
          codec_.unpack(from.data + row * from.row_stride + head * from.head_stride + slot * from.slot_stride,
                        x);
          for (int64_t d = 0; d < dim; ++d)
            kernels::store_element(to, type_, d, x[static_cast<std::size_t>(d)]);
        }
  }

  C codec_;
  kernels::Dtype type_;
  int64_t dim_k_, dim_v_;
  DenseTensor keys_, values_;
};

/// The storage of a KeyCache: every vector packed by C. What `update` exports is unpacked into memory that all layers share, of the
/// size of one layer; `begin` takes it.
template <Codec C>
class Packed : public LayerStorage<PackedLayer<C>> {
  using Base = LayerStorage<PackedLayer<C>>;

 public:
  Packed(const Create &create, const std::vector<int> &numbers, const typename Base::Policy &policy,
         bool drops)
      : Base(create, numbers, policy, drops), host_(create.host), type_(create.type), numbers_(numbers) {}
  Packed(const Packed &other, const Extent &used)
      : Base(other, used), host_(other.host_), type_(other.type_), numbers_(other.numbers_) {}
  Packed(Packed &&) noexcept = default;

  void reserve(const Reservation &step) {
    Base::reserve(step);
    try {
      reserve_unpacked({step.rows, step.held + step.n_new});
    } catch (...) {
      Base::undo({step.held > 0 ? step.rows : 0, step.held});
      throw;
    }
  }
  void undo(const Extent &used) noexcept {
    Base::undo(used);
    if (grown_) unpacked_ = Buffer();
    grown_ = false;
  }
  void read(int layer, const Extent &used, DLTensor *k, DLTensor *v) {
    const PackedLayer<C> &packed = this->layer(layer);
    std::byte *memory = nullptr;
    if (unpacked_) memory = unpacked_.fill({0, 0, packed.elements(used)});
    packed.unpack(used, memory, type_, k_desc_, k, v_desc_, v);
  }
  /// [rows, heads, slots, bytes of a vector], for attention on what is packed.
  void read_packed(int layer, const Extent &used, DLTensor *k, DLTensor *v) {
    this->layer(layer).read_packed(used, k_desc_, k, v_desc_, v);
  }
  void reset() {
    Base::reset();
    if (!this->policy().preallocate) unpacked_ = Buffer();
  }
  void release() {
    Base::release();
    unpacked_ = Buffer();
  }
  int64_t bytes(int only) const { return Base::bytes(only) + (only < 0 ? unpacked_.bytes() : 0); }

 private:
  void reserve_unpacked(const Extent &extent) {
    int64_t need = 0;
    for (const int number : numbers_) need = std::max(need, this->layer(number).elements(extent));
    grown_ = need > (unpacked_ ? unpacked_.size(0) : 0);
    if (!grown_) return;
    unpacked_ = Buffer();
    unpacked_ = Buffer(host_, -1, type_, {need + need / 8});
  }

  Host host_;
  DLDataType type_;
  std::vector<int> numbers_;
  Buffer unpacked_;
  bool grown_ = false;  // by the last reserve
  OutTensor k_desc_, v_desc_;
};

/// A whole cache from a codec that has a name, a version and a summary.
template <Codec C, class Retention = KeepAll>
class PackedCache : public KeyCache<Packed<C>, Retention> {
 public:
  static constexpr const char *name = C::name, *version = C::version, *summary = C::summary;

  explicit PackedCache(const Create &create) : KeyCache<Packed<C>, Retention>(create, {}) {}
  std::unique_ptr<PackedCache> clone() const { return std::unique_ptr<PackedCache>(new PackedCache(*this)); }

 private:
  PackedCache(const PackedCache &) = default;
};

KVERN_SDK_END
