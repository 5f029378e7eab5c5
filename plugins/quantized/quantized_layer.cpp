#include "plugins/quantized/quantized_layer.hpp"

namespace kvern::quantized {
namespace {

constexpr int64_t kShortStep = 16;

int64_t rounded_up(int64_t slots) { return (slots + 15) / 16 * 16; }

}  // namespace

QuantizedLayer::QuantizedLayer(const sdk::LayerCreate &layer, const Settings &settings, int64_t stagger)
    : shape_(layer.layer),
      keep_(settings.residual_length + stagger),
      packed_(layer.create.host, layer.number, layer.layer.kv_heads, format_of(settings, layer.layer),
              to_kernel(layer.create.type), settings.search),
      residual_(layer),
      prefill_(layer) {
  longest_ = rounded_up(keep_ + packed_.format().tokens + kShortStep);
}

int64_t QuantizedLayer::blocks_to_pack(int64_t dense_tokens) const {
  return std::max<int64_t>(0, (dense_tokens - keep_) / packed_.format().tokens);
}

QuantizedLayer::QuantizedLayer(const QuantizedLayer &other, int64_t held)
    : shape_(other.shape_),
      keep_(other.keep_),
      longest_(other.longest_),
      packed_(other.packed_.empty_like()),
      residual_(other.residual_.copy(other.used(held))),
      prefill_(other.prefill_.copy({})),
      allocated_(held > other.base_ ? other.used(held) : sdk::Extent{}),
      base_(other.base_) {
  if (held > 0) packed_.join(packed_.copies(other.packed_, 0));
}

/// Reserves at least `room` in residual_ and keeps what is used; no effect if it throws.
void QuantizedLayer::grow(const sdk::Extent &room, const sdk::Extent &used) {
  const sdk::Extent wanted{std::max(room.rows, allocated_.rows), std::max(room.slots, allocated_.slots)};
  allocated_before_ = allocated_;
  if (wanted.rows == allocated_.rows && wanted.slots == allocated_.slots) return;
  if (used.rows == 0 || used.slots == 0) allocated_before_ = {};  // nothing to restore
  allocated_ = allocated_before_;
  residual_.resize(wanted, used);
  allocated_ = wanted;
}

void QuantizedLayer::open(int64_t rows, int64_t held, int64_t n_new) {
  if (held == 0) {
    packed_.assign(rows);
    base_ = 0;
  }
  ends_.clear();
  for (int64_t row = 0; row < rows; ++row) ends_.push_back(packed_.row(row).end);
  const sdk::Extent before = used(held);
  const int64_t need = before.slots + n_new;
  grow({rows, std::max<int64_t>(1, std::min(longest_, rounded_up(need + need / 2)))}, before);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t blocks = blocks_to_pack(held + n_new - packed_.row(row).end);
    if (blocks > 0) packed_.reserve(row, blocks);
  }
}

void QuantizedLayer::reserve_prefill(int64_t rows, int64_t held, int64_t n_new) {
  const sdk::Extent before = used(held);
  if (before.slots + n_new <= longest_) return;
  prefill_.resize({rows, before.slots + n_new}, {});
  if (before.slots > 0) prefill_.append(0, 0, residual_, before);
  in_prefill_ = true;
}

void QuantizedLayer::undo_reserve(int64_t held) noexcept {
  packed_.drop_reserves();
  prefill_.resize({}, {});
  in_prefill_ = false;
  if (held == 0) packed_.assign(0);
  try {
    residual_.resize(allocated_before_, used(held));
    allocated_ = allocated_before_;
  } catch (...) {  // it keeps more room than before, where there is no memory for less
  }
}

void QuantizedLayer::close(int64_t held, const kernels::Parallel &parallel) {
  if (held == 0) {
    packed_.assign(0);
    base_ = 0;
    prefill_.resize({}, {});
    in_prefill_ = false;
    return;
  }
  for (int64_t row = 0; row < packed_.rows(); ++row) packed_.cut_row(row, end_at(row, held));
  pack_ahead(held, parallel);
  packed_.drop_reserves();
  advance(held);
}

int64_t QuantizedLayer::end_at(int64_t row, int64_t size) const {
  const int64_t end = ends_[static_cast<std::size_t>(row)];
  return end + blocks_to_pack(size - end) * packed_.format().tokens;
}

void QuantizedLayer::pack_ahead(int64_t size, const kernels::Parallel &parallel) {
  const int64_t tokens = packed_.format().tokens;
  const auto due = [&](int64_t row) {
    return std::max<int64_t>(0, (end_at(row, size) - packed_.row(row).end) / tokens);
  };
  bool any = false;
  for (int64_t row = 0; row < packed_.rows(); ++row) any = any || due(row) > 0;
  if (!any) return;
  DLTensor k, v;
  sdk::OutTensor k_desc, v_desc;
  read_dense(size, k_desc, &k, v_desc, &v);
  packed_.pack(due, {k, v, base_}, parallel);
}

/// Forgets the dense tokens that every row has packed, and the long step.
void QuantizedLayer::advance(int64_t held) {
  const int64_t base = std::min(held, packed_.min_end());
  dense().drop_front(used(held), base - base_);
  base_ = base;
  if (!in_prefill_) return;
  if (held > base_) residual_.append(0, 0, prefill_, used(held));
  prefill_.resize({}, {});
  in_prefill_ = false;
}

void QuantizedLayer::read_dense(int64_t size, sdk::OutTensor &k_desc, DLTensor *k, sdk::OutTensor &v_desc,
                                DLTensor *v) const {
  dense().read({packed_.rows(), size - base_}, k_desc, k, v_desc, v);
}

namespace {

/// Columns row.end .. of one row from the dense tensor, which begins at column base, and zeros before row.begin.
void fill_row(const RowBlocks &packed, int64_t row, int64_t base, const DLTensor &dense,
              const DLTensor &out) {
  const int64_t slot = out.shape[3] * sdk::element_bytes(out.dtype), heads = out.shape[1],
                size = out.shape[2];
  sdk::Block from = sdk::block_of(dense), to = sdk::block_of(out);
  from.data += row * from.row_stride;
  to.data += row * to.row_stride;
  for (int64_t head = 0; head < heads; ++head) {
    std::memset(to.data + head * to.head_stride, 0, static_cast<std::size_t>(packed.begin * slot));
  }
  from.data += (packed.end - base) * from.slot_stride;
  to.data += packed.end * to.slot_stride;
  if (size > packed.end) sdk::copy_block(from, to, 1, heads, size - packed.end, slot);
}

}  // namespace

void QuantizedLayer::unpack(int64_t size, const DLTensor &k, const DLTensor &v,
                            const kernels::Parallel &parallel) const {
  DLTensor dense_k, dense_v;
  sdk::OutTensor k_desc, v_desc;
  read_dense(size, k_desc, &dense_k, v_desc, &dense_v);
  for (int64_t row = 0; row < packed_.rows(); ++row) {
    packed_.unpack(row, k, v, parallel);
    fill_row(packed_.row(row), row, base_, dense_k, k);
    if (!shape_.values_in_keys()) fill_row(packed_.row(row), row, base_, dense_v, v);
  }
}

void QuantizedLayer::truncate(int64_t held) {
  if (held == 0) packed_.assign(0);
  packed_.cut(held);
  base_ = std::min(base_, held);
}

void QuantizedLayer::release() {
  packed_.assign(0);
  residual_.resize({}, {});
  prefill_.resize({}, {});
  in_prefill_ = false;
  allocated_ = {};
  base_ = 0;
}

void QuantizedLayer::grow_rows(int64_t rows, int64_t held) { grow({rows, 1}, used(held)); }

void QuantizedLayer::gather(std::span<const int64_t> rows, int64_t held, std::vector<std::byte> &scratch) {
  if (held > base_) residual_.gather(rows, held - base_, scratch);
  packed_.gather(rows);
  advance(held);
}

void QuantizedLayer::drop_front(int64_t columns) {
  packed_.move(-columns);
  base_ -= columns;
}

std::vector<RowBlocks> QuantizedLayer::prepare_append(const QuantizedLayer &other, int64_t held,
                                                      int64_t others_held, int64_t size) {
  if (held == 0) packed_.assign(0);
  const int64_t slots = std::max(held - base_, others_held - other.base_);
  grow({packed_.rows() + other.packed_.rows(), std::max<int64_t>(1, slots)}, used(held));
  return packed_.copies(other.packed_, size - others_held);
}

void QuantizedLayer::append(const QuantizedLayer &other, std::vector<RowBlocks> packed, int64_t held,
                            int64_t others_held, int64_t size) {
  const sdk::Extent ours = used(held), theirs = other.used(others_held);
  const int64_t slots = std::max(ours.slots, theirs.slots);
  if (ours.rows > 0 && slots > ours.slots) residual_.shift(ours, slots - ours.slots);
  if (theirs.slots > 0) residual_.append(ours.rows, slots - theirs.slots, other.residual_, theirs);
  for (int64_t row = 0; row < theirs.rows && theirs.slots < slots; ++row) {
    residual_.clear(ours.rows + row, 0, slots - theirs.slots);
  }
  packed_.move(size - held);
  packed_.join(std::move(packed));
  base_ = size - slots;
}

}  // namespace kvern::quantized
