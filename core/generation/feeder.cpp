#include "core/generation/feeder.hpp"

#include <algorithm>
#include <kvern/forward.hpp>
#include <utility>

#include "core/torch/torch.hpp"

namespace kvern {
namespace {

int64_t common_padding(const std::vector<int64_t> &padding) {
  return *std::min_element(padding.begin(), padding.end());
}

/// Columns [begin, end) of the rows, counted behind `skip` columns that are padding in every row.
Output run_step(const Model &model, Cache &cache, const std::vector<std::vector<int64_t>> &rows,
                const std::vector<int64_t> &padding, int64_t skip, int64_t begin, int64_t end) {
  const auto n = static_cast<int64_t>(rows.size());
  StepRequest request;
  Input input;
  input.ids = at::empty({n, end - begin}, at::kLong);
  auto *ids = input.ids.data_ptr<int64_t>();
  for (int64_t r = 0; r < n; ++r) {
    const auto &row = rows[static_cast<size_t>(r)];
    ids = std::copy(row.begin() + skip + begin, row.begin() + skip + end, ids);
    request.row_pos.push_back(skip + begin - padding[static_cast<size_t>(r)]);
  }
  request.n_new = end - begin;
  request.total_length = static_cast<int64_t>(rows.front().size());
  return forward_and_keep(model, cache, std::move(request), input);
}

}  // namespace

Feeder::Feeder(const Model &model, Cache &cache, Options options)
    : model_(model), cache_(cache), options_(std::move(options)) {
  rope_version_ = model.rope_version(cache.info().tokens);
}

int64_t Feeder::limit() const {
  const int64_t of_model = model_.info().max_positions, of_cache = cache_.info().capacity;
  if (of_model <= 0) return of_cache;
  return of_cache < 0 ? of_model : std::min(of_model, of_cache);
}

/// How many columns need not be fed; forgets what cannot serve. The last column is always fed: its logits are
/// wanted.
int64_t Feeder::held_columns(int64_t columns, const std::vector<int64_t> &padding) {
  const int64_t rope_version = model_.rope_version(columns + common_padding(padding));
  if (!options_.use_cache || rope_version != std::exchange(rope_version_, rope_version)) cache_.reset();
  const auto info = cache_.info();
  if (info.tokens < columns) return info.tokens;
  const int64_t too_many = info.tokens - (columns - 1);
  if (!cache_.offers("truncate") || (info.rollback >= 0 && info.rollback < too_many)) {
    cache_.reset();
    return 0;
  }
  std::vector<int64_t> row_pos;
  for (const int64_t p : padding) row_pos.push_back(columns - 1 + common_padding(padding) - p);
  cache_.truncate(row_pos);
  return columns - 1;
}

int64_t Feeder::next_chunk(int64_t begin, int64_t end) const {
  int64_t n = end - begin;
  if (options_.chunk > 0) n = std::min(n, options_.chunk);
  const int64_t max_new = cache_.info().max_new;
  return max_new > 0 ? std::min(n, max_new) : n;
}

at::Tensor Feeder::feed(const std::vector<std::vector<int64_t>> &rows, const std::vector<int64_t> &padding) {
  const int64_t skip = common_padding(padding);
  const int64_t columns = static_cast<int64_t>(rows.front().size()) - skip;
  at::Tensor logits;
  int64_t begin = held_columns(columns, padding);
  while (begin < columns) {
    const int64_t end = begin + next_chunk(begin, columns);
    try {
      logits = run_step(model_, cache_, rows, padding, skip, begin, end).logits;
    } catch (const CacheError &e) {
      // The contract's way to ask for smaller steps; the cache is as it was.
      if (e.status() != KVERN_UNSUPPORTED || end - begin == 1) throw;
      options_.chunk = (end - begin) / 2;
      continue;
    }
    if (!fed_before_ && options_.on_progress) options_.on_progress(end, columns);
    if (end == columns) break;
    // A cache that keeps less than it was given cannot be fed in pieces: all at once, then.
    const bool kept = cache_.info().tokens == end;
    begin = kept ? end : 0;
    if (!kept) {
      cache_.reset();
      options_.chunk = 0;
    }
  }
  fed_before_ = true;
  return logits.select(1, logits.size(1) - 1);
}

bool Feeder::gather(const std::vector<int64_t> &rows) {
  if (cache_.info().tokens == 0) return true;
  if (!cache_.offers("gather")) return false;
  cache_.gather(rows);
  return true;
}

}  // namespace kvern
