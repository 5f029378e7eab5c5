// Storage of keys and values as few bytes a vector: a class says how one vector is packed, all else is here. It needs the headers of
// kvern::kernels, for the conversion of bfloat16 and float16.
#pragma once
#include <kvern/sdk/export_memory.hpp>
#include <kvern/sdk/kernel_call.hpp>
#include <kvern/sdk/key_cache.hpp>

#include "kernels/dtype.hpp"

KVERN_SDK_BEGIN

/// How one vector of a key or value is packed:
///
///   explicit Codec(const Create &)               or none, where it has no options
///   int64_t bytes(int64_t dim) const             of a packed vector
///   void pack(std::span<const float> x, std::byte *to) const
///   void unpack(const std::byte *from, std::span<float> x) const
template <class C>
concept Codec = (std::constructible_from<C, const Create &> ||
                 std::default_initializable<C>)&&requires(const C &c, int64_t n, std::span<const float> x,
                                                          std::span<float> out, std::byte *to,
                                                          const std::byte *from) {
  { c.bytes(n) } -> std::convertible_to<int64_t>;
  c.pack(x, to);
  c.unpack(from, out);
};

/// Packed keys and values of one layer: a DenseLayer of bytes.
template <Codec C>
class PackedLayer : public DenseLayer {
 public:
  explicit PackedLayer(const LayerCreate &layer) : PackedLayer(layer, make_codec(layer)) {}
  /// A copy with exactly this extent.
  PackedLayer(const PackedLayer &other, const Extent &used)
      : DenseLayer(other, used), layer_(other.layer_), type_(other.type_), codec_(other.codec_) {}

  const Layer &layer() const { return layer_; }
  const C &codec() const { return codec_; }

  void store(int64_t slot, const DLTensor &k, const DLTensor *v) {
    const DLTensor *from = &k;
    each([&](DenseTensor &to) {
      pack_block(*from, slot, to);
      from = v;
    });
  }
  /// Writes the first used.rows x used.slots to k and v [rows, heads, slots, dim], unpacked.
  void unpack(const Extent &used, const DLTensor &k, const DLTensor &v) const {
    OutTensor k_desc, v_desc;
    DLTensor packed_k, packed_v;
    read(used, k_desc, &packed_k, v_desc, &packed_v);
    unpack_block(packed_k, k);
    unpack_block(packed_v, v);
  }

 private:
  PackedLayer(const LayerCreate &layer, C codec)
      : DenseLayer(DenseTensor(layer, codec.bytes(layer.layer.head_dim_k), {kDLUInt, 8, 1}),
                   DenseTensor(layer, codec.bytes(layer.layer.head_dim_v), {kDLUInt, 8, 1})),
        layer_(layer.layer),
        type_(element_type(layer.create.type)),
        codec_(std::move(codec)) {
    if (layer_.values_in_keys())
      fail(KVERN_UNSUPPORTED, "layer ", layer.number, " has its values in its keys, which are not packed");
  }

  static C make_codec([[maybe_unused]] const LayerCreate &layer) {
    if constexpr (std::constructible_from<C, const Create &>)
      return C(layer.create);
    else
      return C();
  }
  static kernels::Dtype element_type(DLDataType type) {
    if (const auto found = find_kernel_type(type)) return *found;
    fail(KVERN_UNSUPPORTED, "keys of type code ", int{type.code}, " and ", int{type.bits},
         " bits: float32, bfloat16 or float16 can be packed");
  }

  void pack_block(const DLTensor &from, int64_t slot, DenseTensor &to) const {
    const int64_t heads = from.shape[1], n = from.shape[2], dim = from.shape[3];
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

  void unpack_block(const DLTensor &packed, const DLTensor &to) const {
    const int64_t dim = to.shape[3];
    const Block from = block_of(packed), out = block_of(to);
    std::vector<float> x(static_cast<std::size_t>(dim));
    for (int64_t row = 0; row < to.shape[0]; ++row)
      for (int64_t head = 0; head < to.shape[1]; ++head)
        for (int64_t slot = 0; slot < to.shape[2]; ++slot) {
          codec_.unpack(from.data + row * from.row_stride + head * from.head_stride + slot * from.slot_stride,
                        x);
          std::byte *vector =
              out.data + row * out.row_stride + head * out.head_stride + slot * out.slot_stride;
          for (int64_t d = 0; d < dim; ++d)
            kernels::store_element(vector, type_, d, x[static_cast<std::size_t>(d)]);
        }
  }

  Layer layer_;
  kernels::Dtype type_;
  C codec_;
};

/// The storage of a KeyCache: every vector packed by C. What `update` exports is unpacked into memory that all layers share, of the
/// size of one layer. `begin` takes it; attends: the cache attends to what is packed, and the first export takes it.
template <Codec C, bool attends = false>
class Packed : public LayerStorage<PackedLayer<C>> {
  using Base = LayerStorage<PackedLayer<C>>;

 public:
  Packed(const Create &create, const std::vector<int> &numbers, const typename Base::Policy &policy,
         bool drops)
      : Base(create, numbers, policy, drops), unpacked_(create) {}
  Packed(const Packed &other, const Extent &used) : Base(other, used), unpacked_(other.unpacked_) {}
  Packed(Packed &&) noexcept = default;

  void reserve(const Reservation &step) {
    Base::reserve(step);
    try {
      unpacked_.begin(product(step.rows, step.held + step.n_new), !attends || step.n_new == 0);
    } catch (...) {
      Base::undo({step.held > 0 ? step.rows : 0, step.held});
      throw;
    }
  }
  void undo(const Extent &used) noexcept {
    Base::undo(used);
    unpacked_.undo();
  }
  void commit(const Extent &used, const SlotRange &drop) {
    Base::commit(used, drop);
    unpacked_.end();
  }
  void read(int number, const Extent &used, DLTensor *k, DLTensor *v) {
    const PackedLayer<C> &packed = this->layer(number);
    unpacked_.describe(packed.layer(), used.rows, used.slots, k, v);
    packed.unpack(used, *k, *v);
  }
  /// [rows, heads, slots, bytes of a vector], for attention on what is packed.
  void read_packed(int number, const Extent &used, DLTensor *k, DLTensor *v) {
    Base::read(number, used, k, v);
  }
  void reset() {
    Base::reset();
    if (!this->policy().preallocate) unpacked_.free();
  }
  void release() {
    Base::release();
    unpacked_.free();
  }
  int64_t bytes(int only) const { return Base::bytes(only) + (only < 0 ? unpacked_.bytes() : 0); }

 private:
  ExportMemory unpacked_;
};

/// A whole cache from a codec:
///
///   static constexpr const char *name, *version, *summary;     of C
///   static std::vector<Option> options()                       optional
///   static Retention retention(const Create &, const Layer &)  optional, else that of the layer: LayerRetention
template <Codec C, class Retention = KeepAll>
class PackedCache : public KeyCache<Packed<C>, Retention> {
 public:
  static constexpr const char *name = C::name, *version = C::version, *summary = C::summary;
  static std::vector<Option> options() { return detail::declared_options<C>(); }

  explicit PackedCache(const Create &create)
      : KeyCache<Packed<C>, Retention>(create, {}, LayerRetention<C, Retention>{create}) {}
  std::unique_ptr<PackedCache> clone() const { return std::unique_ptr<PackedCache>(new PackedCache(*this)); }

 private:
  PackedCache(const PackedCache &) = default;
};

KVERN_SDK_END
