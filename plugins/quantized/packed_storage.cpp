#include "plugins/quantized/packed_storage.hpp"

namespace kvern::quantized {

PackedStorage::PackedStorage(const sdk::Create &create, const std::vector<int> &numbers,
                             const Settings &settings, bool)
    : host_(create.host),
      type_(create.type),
      parallel_(create.host.extension<kvern_parallel_1>(KVERN_PARALLEL_1)),
      layers_(create.layers.size()) {
  to_kernel(create.type);
  const auto count = static_cast<int64_t>(numbers.size());
  for (int64_t i = 0; i < count; ++i) {
    const int number = numbers[i];
    const int64_t tokens = format_of(settings, create.layers[number]).tokens;
    layers_[number].emplace(sdk::LayerCreate{create, number, create.layers[number]}, settings,
                            tokens * i / count);
  }
}

PackedStorage::PackedStorage(const PackedStorage &other, const sdk::Extent &used)
    : host_(other.host_), type_(other.type_), parallel_(other.parallel_), layers_(other.layers_.size()) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (other.layers_[i]) layers_[i].emplace(*other.layers_[i], used.slots);
  }
}

kernels::Parallel PackedStorage::parallel() const {
  if (!parallel_) return kernels::serial();
  return {parallel_->threads(parallel_->ctx), parallel_->ctx, parallel_->run};
}

/// In all layers or in none.
template <class Reserve>
void PackedStorage::reserve_layers(Reserve reserve, int64_t held) {
  sdk::reserve_all(
      layers_,
      [&](QuantizedLayer &layer, std::size_t i) {
        try {
          reserve(layer, i);
        } catch (...) {
          layer.undo_reserve(held);
          throw;
        }
      },
      [held](QuantizedLayer &layer, std::size_t) { layer.undo_reserve(held); });
}

void PackedStorage::reserve(const sdk::Reservation &step) {
  const bool reads = step.n_new == 0 || reads_;
  reserve_layers([&](QuantizedLayer &layer, std::size_t) { layer.open(step.rows, step.held, step.n_new); },
                 step.held);
  try {
    each([&](QuantizedLayer &layer) { layer.reserve_prefill(step.rows, step.held, step.n_new); });
    if (reads) reserve_unpacked(step.rows, step.held + step.n_new);
  } catch (...) {
    undo({step.rows, step.held});
    throw;
  }
  reads_ = false;
  reads_only_ = step.n_new == 0;
}

void PackedStorage::undo(const sdk::Extent &used) noexcept {
  each([&](QuantizedLayer &layer) { layer.undo_reserve(used.slots); });
  joining_.clear();
}

/// Memory for one layer at a time. begin reserves it where the step only reads or the last step exported unpacked tokens, else
/// the first update that exports.
void PackedStorage::reserve_unpacked(int64_t rows, int64_t slots) {
  int64_t k = 0, v = 0;
  bool packed = false;
  each([&](QuantizedLayer &layer) {
    k = std::max<int64_t>(k, int64_t{layer.shape().kv_heads} * layer.shape().head_dim_k);
    if (!layer.shape().values_in_keys())
      v = std::max<int64_t>(v, int64_t{layer.shape().kv_heads} * layer.shape().head_dim_v);
    packed = packed || !layer.all_dense();
  });
  if (!packed || (unpacked_k_ && unpacked_k_.size(0) >= rows * slots)) return;
  slots += slots / 8;
  free_unpacked();
  sdk::Buffer fresh_k(host_, -1, type_, {rows * slots, k}), fresh_v;
  if (v > 0) fresh_v = sdk::Buffer(host_, -1, type_, {rows * slots, v});
  unpacked_k_ = std::move(fresh_k);  // both or none
  unpacked_v_ = std::move(fresh_v);
}

void PackedStorage::free_unpacked() {
  unpacked_k_ = sdk::Buffer();
  unpacked_v_ = sdk::Buffer();
}

void PackedStorage::reserve_read(int layer, const sdk::Extent &used) {
  if (!layers_[layer]->all_dense()) reserve_unpacked(used.rows, used.slots);
}

void PackedStorage::read(int number, const sdk::Extent &used, DLTensor *k, DLTensor *v) {
  const QuantizedLayer &layer = *layers_[number];
  const int64_t rows = used.rows, size = used.slots;
  if (layer.all_dense()) return layer.read_dense(size, k_desc_, k, v_desc_, v);
  reads_ = true;
  const auto describe = [&](sdk::OutTensor &desc, DLTensor *out, std::byte *data, int64_t dim, int64_t slot) {
    const int64_t heads = layer.shape().kv_heads;
    desc.export_to(out, data, host_.device(), type_, {rows, heads, size, dim},
                   {heads * size * slot, size * slot, slot});
  };
  const int64_t dim_k = layer.shape().head_dim_k, dim_v = layer.shape().head_dim_v;
  const bool in_keys = layer.shape().values_in_keys();
  std::byte *keys = unpacked_k_.fill({0, 0, rows * size});
  describe(k_desc_, k, keys, dim_k, dim_k);
  describe(v_desc_, v, in_keys ? keys : unpacked_v_.fill({0, 0, rows * size}), dim_v,
           in_keys ? dim_k : dim_v);
  layer.unpack(size, *k, *v, parallel());
}

void PackedStorage::commit(const sdk::Extent &used, const sdk::SlotRange &) {
  const kernels::Parallel threads = parallel();
  each([&](QuantizedLayer &layer) { layer.close(used.slots, threads); });
  if (reads_ && !reads_only_) return;
  free_unpacked();
  reads_ = false;
}

void PackedStorage::reset() {
  each([](QuantizedLayer &layer) { layer.release(); });
  free_unpacked();
}

int64_t PackedStorage::bytes(int only) const {
  int64_t sum = only < 0 ? unpacked_k_.bytes() + unpacked_v_.bytes() : 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i] && (only < 0 || only == static_cast<int>(i))) sum += layers_[i]->bytes();
  }
  return sum;
}

int64_t PackedStorage::bytes_used(int only, const sdk::Extent &used) const {
  int64_t sum = 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i] && (only < 0 || only == static_cast<int>(i))) sum += layers_[i]->bytes_used(used.slots);
  }
  return sum;
}

void PackedStorage::reserve_rows(int64_t rows, const sdk::Extent &used) {
  if (rows <= used.rows) return;
  reserve_layers([&](QuantizedLayer &layer, std::size_t) { layer.grow_rows(rows, used.slots); }, used.slots);
}

void PackedStorage::gather(std::span<const int64_t> rows, const sdk::Extent &used) {
  each([&](QuantizedLayer &layer) { layer.gather(rows, used.slots, scratch_); });
}

void PackedStorage::reserve_append(const PackedStorage &other, const sdk::Extent &used,
                                   const sdk::Extent &theirs) {
  const int64_t size = std::max(used.slots, theirs.slots);
  joining_.assign(layers_.size(), {});
  reserve_layers(
      [&](QuantizedLayer &layer, std::size_t i) {
        joining_[i] = layer.prepare_append(*other.layers_[i], used.slots, theirs.slots, size);
      },
      used.slots);
}

void PackedStorage::append(const PackedStorage &other, const sdk::Extent &used, const sdk::Extent &theirs) {
  const int64_t size = std::max(used.slots, theirs.slots);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (!layers_[i]) continue;
    layers_[i]->append(*other.layers_[i], std::move(joining_[i]), used.slots, theirs.slots, size);
  }
  joining_.clear();
}

void PackedStorage::truncate(const sdk::Extent &used) {
  each([&](QuantizedLayer &layer) { layer.truncate(used.slots); });
}

int64_t PackedStorage::unheld(const sdk::Extent &used) const {
  int64_t min = used.slots;
  for (const auto &layer : layers_) {
    if (layer) min = std::min(min, layer->packed().min_begin());
  }
  return min;
}

void PackedStorage::drop(const sdk::Extent &, const sdk::SlotRange &range) {
  each([&](QuantizedLayer &layer) { layer.drop_front(range.count); });
}

void PackedStorage::save(sdk::Writer &out, const sdk::Extent &used) const {
  for (const auto &layer : layers_) {
    if (layer) layer->save(out, used.slots);
  }
}

namespace {

void check_hidden(const sdk::Slots &slots, int64_t row, int64_t columns) {
  const int64_t first = slots.linear() ? std::max<int64_t>(0, columns - 1) : 0;
  for (int64_t column = first; column < columns; ++column) {
    if (slots.position(row, column) < 0) continue;
    sdk::fail(KVERN_BAD_DATA, "the saved cache has no keys for position ", slots.position(row, column),
              " of row ", row);
  }
}

}  // namespace

void PackedStorage::load(sdk::Reader &in, const sdk::Slots &slots) {
  each([&](QuantizedLayer &layer) {
    layer.load(in, slots.rows(), slots.held());
    for (int64_t row = 0; row < slots.rows(); ++row) check_hidden(slots, row, layer.packed().row(row).begin);
  });
}

}  // namespace kvern::quantized
