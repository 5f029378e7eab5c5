#include "runtime/run/exported_rows.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "runtime/support/block_sum.hpp"

namespace kvern {
namespace {

/// Ends the step of a cache that is still open when something goes wrong.
class OpenStep {
 public:
  OpenStep(Cache &cache, const kvern_step &step) : cache_(cache) { cache.begin(step); }
  ~OpenStep() {
    if (!cache_.in_step()) return;
    try {
      cache_.end(0);
    } catch (const Error &) {  // what is on its way says more
    }
  }
  OpenStep(const OpenStep &) = delete;

 private:
  Cache &cache_;
};

struct Refusal {
  std::string why;
};

bool holds_keys(const LayerSpec &layer) {
  return layer.kind == KVERN_LAYER_ATTENTION || layer.kind == KVERN_LAYER_CROSS;
}

int64_t element_bytes(const DLTensor &tensor) { return tensor.dtype.bits * tensor.dtype.lanes / 8; }

int64_t position_of(const kvern_view &view, size_t row, int64_t column) {
  const auto r = static_cast<int64_t>(row);
  return view.key_pos != nullptr ? view.key_pos[r * view.row_stride + column] : view.first_pos[r] + column;
}

/// Of each row the columns of the exported tensor in the order of positions that end with `ends` (of an encoder: from 0 on), as many
/// as there are without a gap.
std::vector<std::vector<int64_t>> columns_by_position(const kvern_view &view,
                                                      const std::vector<int64_t> &ends) {
  std::vector<std::vector<int64_t>> rows;
  for (size_t r = 0; r < ends.size(); ++r) {
    const int64_t end = ends[r];
    std::vector<int64_t> at(static_cast<size_t>(std::max<int64_t>(end, 0)), -1);
    for (int64_t c = 0; c < view.kv_len; ++c) {
      const int64_t position = position_of(view, r, c);
      if (position >= 0 && position < end) at[static_cast<size_t>(position)] = c;
    }
    const auto gap = std::find(at.rbegin(), at.rend(), -1);
    rows.emplace_back(gap.base(), at.end());
  }
  return rows;
}

std::vector<int64_t> encoder_lengths(const kvern_view &view, size_t rows) {
  std::vector<int64_t> lengths(rows, 0);
  for (size_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < view.kv_len; ++c) lengths[r] = std::max(lengths[r], position_of(view, r, c) + 1);
  return lengths;
}

void require_plain(const kvern_view &view, const std::string &layer) {
  if (view.head_stride != 0 && view.key_pos != nullptr)
    throw Refusal{layer + " keeps other tokens in each head"};
}

/// What a step of a cache that needs all of a layer would miss.
void require_enough(const std::vector<std::vector<int64_t>> &columns, const std::vector<int64_t> &ends,
                    int64_t window, const std::string &layer) {
  for (size_t r = 0; r < ends.size(); ++r) {
    const int64_t seen = window > 0 ? std::min(ends[r], window - 1) : ends[r];
    if (static_cast<int64_t>(columns[r].size()) < seen) throw Refusal{layer + " has dropped tokens"};
  }
}

}  // namespace

ExportedRows::Layer ExportedRows::place(const Cache &from, int number, int64_t columns) {
  const LayerSpec &spec = from.layers()[static_cast<size_t>(number)];
  const int64_t element = to_dlpack(from.dtype()).bits / 8;
  Layer layer{number, spec.kind == KVERN_LAYER_CROSS, (spec.flags & KVERN_VALUES_IN_KEYS) == 0};
  layer.heads = spec.kv_heads;
  layer.columns = columns;
  layer.key_bytes = spec.head_dim_k * element;
  layer.value_bytes = layer.has_values ? spec.head_dim_v * element : 0;
  layer.at = layers_.empty() ? 0 : layers_.back().at;
  if (!layers_.empty()) {
    const Layer &before = layers_.back();
    layer.at +=
        static_cast<size_t>(rows() * before.heads * before.columns * (before.key_bytes + before.value_bytes));
  }
  return layer;
}

/// Columns of each row go to the right end of the layer's own.
void ExportedRows::copy_layer(const Layer &layer, const DLTensor &k, const DLTensor &v,
                              const std::vector<std::vector<int64_t>> &columns) {
  std::byte *to = memory_.data() + layer.at;
  for (const auto &[tensor, bytes] : {std::pair{&k, layer.key_bytes}, std::pair{&v, layer.value_bytes}}) {
    if (bytes == 0) continue;
    const auto *from = static_cast<const std::byte *>(tensor->data) + tensor->byte_offset;
    for (int64_t r = 0; r < rows(); ++r) {
      const auto &row = columns[static_cast<size_t>(r)];
      const int64_t n = std::min<int64_t>(static_cast<int64_t>(row.size()), layer.columns);
      const int64_t skipped = static_cast<int64_t>(row.size()) - n;
      const int64_t offset = layer.cross ? 0 : layer.columns - n;
      for (int64_t h = 0; h < layer.heads; ++h, to += layer.columns * bytes)
        for (int64_t i = 0; i < n; ++i)
          std::memcpy(to + (offset + i) * bytes,
                      from + (r * tensor->strides[0] + h * tensor->strides[1] +
                              row[static_cast<size_t>(skipped + i)] * tensor->strides[2]) *
                                 element_bytes(*tensor),
                      static_cast<size_t>(bytes));
    }
  }
}

std::optional<ExportedRows> ExportedRows::of(Cache &from, const std::vector<int64_t> &ends,
                                             std::string &why) {
  ExportedRows result;
  result.ends_ = ends;
  result.longest_ = *std::max_element(ends.begin(), ends.end());
  result.dtype_ = from.dtype();
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = result.rows();
  step.row_pos = ends.data();
  try {
    if (from.host().queue().place().device_type != kDLCPU) throw Refusal{"its keys are on a device"};
    const auto &layers = from.layers();
    const OpenStep open(from, step);
    std::vector<std::vector<std::vector<int64_t>>> columns;
    for (size_t l = 0; l < layers.size(); ++l) {
      const std::string name = "layer " + std::to_string(l);
      if (layers[l].kind == KVERN_LAYER_STATE) throw Refusal{name + " has recurrent states"};
      if (!holds_keys(layers[l])) continue;
      const kvern_view view = from.view(static_cast<int>(l));
      require_plain(view, name);
      const bool cross = layers[l].kind == KVERN_LAYER_CROSS;
      const auto lengths = cross ? encoder_lengths(view, ends.size()) : ends;
      if (cross) result.cross_ = lengths;
      columns.push_back(columns_by_position(view, lengths));
      require_enough(columns.back(), lengths, cross ? 0 : layers[l].window, name);
      int64_t width = 0;
      for (size_t r = 0; r < lengths.size(); ++r) {
        const auto held = static_cast<int64_t>(columns.back()[r].size());
        width = std::max(width, held);
        result.complete_ = result.complete_ && held == std::max<int64_t>(lengths[r], 0);
      }
      result.layers_.push_back(result.place(from, static_cast<int>(l), width));
    }
    const Layer end = result.layers_.empty() ? Layer{} : result.layers_.back();
    result.memory_ = ScratchFile(end.at + static_cast<size_t>(result.rows() * end.heads * end.columns *
                                                              (end.key_bytes + end.value_bytes)));
    for (size_t i = 0; i < result.layers_.size(); ++i) {
      const Layer &layer = result.layers_[i];
      DLTensor k{}, v{};
      from.update(layer.number, nullptr, nullptr, &k, layer.has_values ? &v : nullptr);
      result.copy_layer(layer, k, v, columns[i]);
    }
  } catch (const Refusal &refusal) {
    why = refusal.why;
    return {};
  } catch (const Error &e) {
    why = e.what();
    return {};
  }
  return result;
}

// ---- what rows have in common

/// Of each row sums over its contents up to each position, the encoder's keys included; equal sums: equal contents.
std::vector<std::vector<uint64_t>> ExportedRows::prefix_sums() const {
  std::vector<std::vector<uint64_t>> sums;
  std::vector<uint64_t> cross(ends_.size(), 1);
  for (const int64_t end : ends_) sums.emplace_back(static_cast<size_t>(std::max<int64_t>(end, 0)), 1);
  for (const Layer &layer : layers_) {
    const std::byte *at = memory_.data() + layer.at;
    for (const int64_t bytes : {layer.key_bytes, layer.value_bytes})
      for (size_t r = 0; bytes > 0 && r < ends_.size(); ++r)
        for (int64_t h = 0; h < layer.heads; ++h)
          for (int64_t c = 0; c < layer.columns; ++c, at += bytes) {
            const int64_t position = ends_[r] - layer.columns + c;
            if (!layer.cross && position < 0) continue;
            uint64_t &sum = layer.cross ? cross[r] : sums[r][static_cast<size_t>(position)];
            sum = block_sum(at, static_cast<size_t>(bytes), sum);
          }
  }
  for (size_t r = 0; r < ends_.size(); ++r) {
    uint64_t before = cross[r];
    for (uint64_t &sum : sums[r])
      before = sum = block_sum(reinterpret_cast<const std::byte *>(&sum), sizeof sum, before);
  }
  return sums;
}

/// How many leading positions are given apart, so that the fewest are given: different beginnings once, the rest by row.
int64_t ExportedRows::shared_prefix(const std::vector<std::vector<uint64_t>> &sums) const {
  const int64_t shortest = *std::min_element(ends_.begin(), ends_.end());
  int64_t best = 0, saved = 0;
  for (int64_t c = 1; c <= shortest; ++c) {
    std::set<uint64_t> different;
    for (const auto &row : sums) different.insert(row[static_cast<size_t>(c - 1)]);
    const int64_t saves = (rows() - static_cast<int64_t>(different.size())) * c;
    if (saves > saved) best = c, saved = saves;
    if (different.size() == sums.size()) break;
  }
  return best;
}

// ---- into another cache

namespace {

/// A contiguous tensor of its own, zero where nothing is written.
struct Dense {
  Dense(Dtype dtype, int64_t rows, int64_t heads, int64_t columns, int64_t bytes)
      : data(static_cast<size_t>(rows * heads * columns * bytes)) {
    const auto type = to_dlpack(dtype);
    shape[0] = rows, shape[1] = heads, shape[2] = columns, shape[3] = bytes * 8 / type.bits;
    for (int i = 3; i-- > 0;) strides[i] = strides[i + 1] * shape[i + 1];
    tensor = {data.data(), {kDLCPU, 0}, 4, type, shape, strides, 0};
  }
  Dense(const Dense &) = delete;
  std::vector<std::byte> data;
  int64_t shape[4], strides[4] = {0, 0, 0, 1};
  DLTensor tensor;
};

}  // namespace

/// The last columns of the part that the layer has of any row: all, or those of its window.
void ExportedRows::give_layer(Cache &to, const Layer &layer, const Part &part) const {
  const auto n = static_cast<int64_t>(part.rows.size());
  const int64_t given = layer.cross ? layer.columns : complete_ ? part.columns : layer.columns;
  Dense k(dtype_, n, layer.heads, given, layer.key_bytes),
      v(dtype_, n, layer.heads, given, layer.value_bytes);
  const std::byte *base = memory_.data() + layer.at;
  for (auto *dense : {&k, &v}) {
    const int64_t bytes = dense == &k ? layer.key_bytes : layer.value_bytes;
    std::byte *out = dense->data.data();
    for (size_t i = 0; i < part.rows.size(); ++i) {
      const int64_t row = part.rows[i];
      const int64_t skipped = part.columns - given;  // leading columns of the step
      for (int64_t h = 0; h < layer.heads; ++h, out += given * bytes) {
        const std::byte *from = base + (row * layer.heads + h) * layer.columns * bytes;
        if (layer.cross) {
          std::memcpy(out, from, static_cast<size_t>(given * bytes));
          continue;
        }
        const int64_t left = ends_[static_cast<size_t>(row)] - layer.columns;  // position of the first column
        const int64_t first = std::max({part.first[i] + skipped, left, int64_t{0}});
        const int64_t last = part.first[i] + part.count[i];
        if (first < last)
          std::memcpy(out + (first - part.first[i] - skipped) * bytes, from + (first - left) * bytes,
                      static_cast<size_t>((last - first) * bytes));
      }
    }
    base += static_cast<size_t>(rows() * layer.heads * layer.columns * bytes);
  }
  to.update(layer.number, &k.tensor, layer.has_values ? &v.tensor : nullptr, nullptr, nullptr);
}

void ExportedRows::give(Cache &to, const Part &part) const {
  kvern_step step{};
  step.struct_size = sizeof step;
  step.flags = KVERN_STEP_IMPORT;
  step.rows = static_cast<int64_t>(part.rows.size());
  step.n_new = part.columns;
  step.row_pos = part.first.data();
  const bool ragged =
      std::any_of(part.count.begin(), part.count.end(), [&](int64_t count) { return count != part.columns; });
  if (ragged) step.row_new = part.count.data();
  std::vector<int64_t> row_cross;
  for (size_t i = 0; part.with_cross && i < part.rows.size(); ++i)
    row_cross.push_back(cross_[static_cast<size_t>(part.rows[i])]);
  if (!row_cross.empty()) {
    step.n_cross = *std::max_element(cross_.begin(), cross_.end());
    const bool differ =
        std::any_of(row_cross.begin(), row_cross.end(), [&](int64_t count) { return count != step.n_cross; });
    if (differ) step.flags |= KVERN_STEP_ROW_CROSS, step.row_cross = row_cross.data();
  }
  const OpenStep open(to, step);
  for (const Layer &layer : layers_) {
    if (layer.cross && !part.with_cross) continue;
    if ((to.view(layer.number).flags & KVERN_VIEW_RAW_K) != 0) throw Refusal{"it rotates keys itself"};
    give_layer(to, layer, part);
  }
  to.end(part.columns);
}

bool ExportedRows::give_to(Cache &to, std::string &why) const {
  try {
    if (to.host().queue().place().device_type != kDLCPU) throw Refusal{"its keys would be on a device"};
    if (to.dtype() != dtype_) throw Refusal{"its keys have another dtype"};
    const bool may_share = complete_ && rows() > 1 && to.offers("gather");
    const auto sums = may_share ? prefix_sums() : std::vector<std::vector<uint64_t>>();
    const int64_t shared = may_share ? shared_prefix(sums) : 0;
    Part all;
    for (int64_t r = 0; r < rows(); ++r) all.rows.push_back(r);
    if (shared == 0) {
      all.columns = longest_;
      all.with_cross = !cross_.empty();
      for (const int64_t end : ends_) all.first.push_back(end - longest_);
      all.count.assign(ends_.size(), longest_);
      give(to, all);
      return true;
    }
    std::unordered_map<uint64_t, int64_t> known;
    Part common;
    std::vector<int64_t> index;
    for (int64_t r = 0; r < rows(); ++r) {
      const uint64_t sum = sums[static_cast<size_t>(r)][static_cast<size_t>(shared - 1)];
      const auto [at, fresh] = known.try_emplace(sum, static_cast<int64_t>(common.rows.size()));
      index.push_back(at->second);
      if (fresh) common.rows.push_back(r);
    }
    common.first.assign(common.rows.size(), 0);
    common.count.assign(common.rows.size(), shared);
    common.columns = shared;
    common.with_cross = !cross_.empty();
    give(to, common);
    to.gather(index);
    all.columns = longest_ - shared;
    all.first.assign(ends_.size(), shared);
    for (const int64_t end : ends_) all.count.push_back(end - shared);
    if (all.columns > 0) give(to, all);
    return true;
  } catch (const Refusal &refusal) {
    why = refusal.why;
  } catch (const Error &e) {
    why = e.what();
  }
  if (!to.lost()) to.reset();
  return false;
}

}  // namespace kvern
