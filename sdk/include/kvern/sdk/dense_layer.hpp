// Keys and values of one layer, unquantized, in two DenseTensors.
#pragma once
#include <kvern/sdk/dense_tensor.hpp>

KVERN_SDK_BEGIN

/// The layer class of `dynamic` and `static`, a SlotLayer.
class DenseLayer {
 public:
  explicit DenseLayer(const LayerCreate &layer)
      : keys_(layer, layer.layer.head_dim_k),
        dim_v_(layer.layer.head_dim_v),
        shared_(layer.layer.values_in_keys()) {
    if (!shared_) values_ = DenseTensor(layer, dim_v_);
  }
  /// A copy with exactly this extent: what a class that derives from this one copies itself with.
  DenseLayer(const DenseLayer &other, const Extent &used) : DenseLayer(other.copy(used)) {}

  Extent allocated() const { return keys_.allocated(); }

  /// As DenseTensor::resize for keys and values; if the values find no memory the keys are restored.
  void resize(const Extent &wanted, const Extent &used) {
    const Extent before = allocated();
    keys_.resize(wanted, used);
    if (shared_) return;
    try {
      values_.resize(wanted, used);
    } catch (...) {
      keys_.restore(before, used);
      throw;
    }
  }
  /// As DenseTensor::restore.
  void restore(const Extent &before, const Extent &used) noexcept {
    each([&](DenseTensor &part) { part.restore(before, used); });
  }
  void store(int64_t slot, const DLTensor &k, const DLTensor *v) {
    keys_.store(slot, k);
    if (!shared_) values_.store(slot, *v);
  }
  void read(const Extent &used, OutTensor &k_desc, DLTensor *k, OutTensor &v_desc, DLTensor *v) const {
    keys_.read(used, keys_.dim(), k_desc, k);
    (shared_ ? keys_ : values_).read(used, dim_v_, v_desc, v);
  }
  int64_t bytes() const { return keys_.bytes() + values_.bytes(); }
  int64_t bytes_used(const Extent &used) const {
    const int64_t slot = keys_.slot_bytes() + (shared_ ? 0 : values_.slot_bytes());
    return used.rows * used.slots * keys_.heads() * slot;
  }

  /// Calls change(k) with the used keys [rows, heads, slots, dim], to be changed in place.
  template <class Change>
  void change_keys(const Extent &used, Change change) {
    keys_.change_block(used.rows, 0, used.slots, change);
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
  void drop_front(const Extent &used, int64_t by) { drop(used, 0, by); }
  void append(int64_t row, int64_t slot, const DenseLayer &other, const Extent &used) {
    keys_.append(row, slot, other.keys_, used);
    if (!shared_) values_.append(row, slot, other.values_, used);
  }
  void save(Writer &out, int64_t rows, int64_t begin, int64_t end) const {
    keys_.save(out, rows, begin, end);
    if (!shared_) values_.save(out, rows, begin, end);
  }
  void load(Reader &in, int64_t rows, int64_t begin, int64_t end) {
    each([&](DenseTensor &part) { part.load(in, rows, begin, end); });
  }
  DenseLayer copy(const Extent &used) const {
    DenseLayer other;
    other.keys_ = keys_.copy(used);
    if (!shared_) other.values_ = values_.copy(used);
    other.dim_v_ = dim_v_;
    other.shared_ = shared_;
    return other;
  }

 protected:
  /// In tensors of another width or type than the model's: packed ones, say.
  DenseLayer(DenseTensor keys, DenseTensor values)
      : keys_(std::move(keys)), values_(std::move(values)), dim_v_(values_.dim()) {}

  /// Keys, and values where they are not in the keys.
  template <class Do>
  void each(Do &&call) {
    call(keys_);
    if (!shared_) call(values_);
  }

 private:
  DenseLayer() = default;

  DenseTensor keys_, values_;
  int64_t dim_v_ = 0;
  bool shared_ = false;  // values are the leading elements of the keys
};

/// All layers of a cache with this extent, for caches that store tokens in blocks. `shared`: memory of no layer in particular
/// (-1), which stays in place while layers change, for tensors that live within a step.
inline std::vector<DenseLayer> dense_layers(const Create &create, const Extent &extent, bool shared = false) {
  std::vector<DenseLayer> made;
  for (std::size_t i = 0; i < create.layers.size(); ++i) {
    made.emplace_back(LayerCreate{create, shared ? -1 : static_cast<int>(i), create.layers[i]});
    made.back().resize(extent, {});
  }
  return made;
}

inline std::vector<DenseLayer> copy_of(const std::vector<DenseLayer> &layers, const Extent &used) {
  std::vector<DenseLayer> made;
  for (const DenseLayer &layer : layers) made.push_back(layer.copy(used));
  return made;
}

KVERN_SDK_END
