#include "core/generation/driver.hpp"

#include <kvern/abi/positions.h>

#include <algorithm>
#include <kvern/finite.hpp>
#include <utility>

#include "core/torch/torch.hpp"

namespace kvern {
namespace {

/// What a step over columns [begin, end) must compute, so that the last `want.columns` up to `last` can be taken from it.
Input input_for(int64_t begin, int64_t end, int64_t last, Driver::Want want) {
  Input input;
  const int64_t wanted = std::min(end - (last - want.columns), end - begin);  // of this step's columns
  using Logits = Input::Logits;
  input.logits = wanted <= 0 ? Logits::none : wanted == 1 && end == last ? Logits::last : Logits::all;
  input.hidden = want.hidden && end > last - want.hidden_wanted();
  return input;
}

/// The last `columns` columns of what several steps gave, in order.
at::Tensor last_columns(const std::vector<at::Tensor> &parts, int64_t columns) {
  if (parts.empty()) return {};
  const at::Tensor all = parts.size() == 1 ? parts.front() : at::cat(parts, 1);
  return all.size(1) == columns ? all : all.slice(1, all.size(1) - columns);
}

/// Of each row, n columns that end at column ends[r].
at::Tensor columns_of_rows(const at::Tensor &all, const std::vector<int64_t> &ends, int64_t n) {
  if (!all.defined()) return {};
  std::vector<at::Tensor> rows;
  for (size_t r = 0; r < ends.size(); ++r)
    rows.push_back(all.select(0, static_cast<int64_t>(r)).slice(0, ends[r] - n, ends[r]));
  return at::stack(rows);
}

std::vector<int64_t> minus(std::vector<int64_t> from, int64_t n) {
  for (int64_t &x : from) x -= n;
  return from;
}

bool all_equal(const std::vector<int64_t> &list) {
  return std::all_of(list.begin(), list.end(), [&](int64_t x) { return x == list.front(); });
}

void select_rows(Encoded &encoded, const std::vector<int64_t> &index) {
  std::vector<at::Tensor> rows;
  std::vector<int64_t> row_len;
  for (const int64_t i : index) {
    rows.push_back(encoded.hidden.select(0, i));
    if (!encoded.row_len.empty()) row_len.push_back(encoded.row_len[static_cast<size_t>(i)]);
  }
  encoded = Encoded{at::stack(rows), std::move(row_len)};
}

}  // namespace

Driver::Driver(const Model &model, Cache &cache, Options options)
    : model_(model), cache_(cache), options_(std::move(options)), chunk_(options_.chunk) {
  rope_version_ = model.rope_version(cache.info().tokens);
}

int64_t position_limit(const Model &model, const Cache &cache) {
  const int64_t of_model = model.info().max_positions, of_cache = cache.info().capacity;
  const auto *inside = static_cast<const kvern_cache_positions_1 *>(cache.extension(KVERN_POSITIONS_1));
  const bool lifted = inside && inside->span > 0 && inside->span <= of_model;
  if (of_model <= 0 || lifted) return of_cache;
  return of_cache < 0 ? of_model : std::min(of_model, of_cache);
}

int64_t Driver::limit() const { return position_limit(model_, cache_); }

// ---- steps

Output Driver::compute(Step &step, const Chunk &chunk, Input input) {
  if (options_.stop_requested) input.stop_requested = &options_.stop_requested;
  Output output = model_.forward(step, input);
  const at::Tensor &logits = output.logits;
  if (!logits.defined() || all_finite(logits.contiguous().const_data_ptr<float>(), logits.numel()))
    return output;
  step.keep(0);
  StepRequest request = chunk.request;
  request.locate_non_finite = true;
  Step again(cache_, std::move(request), step.queue());
  Input detailed = input;
  detailed.locate_non_finite = true;
  model_.forward(again, detailed);
  throw non_finite_error("the logits", "values that are not finite");
}

/// A step that starts a sequence brings the encoder's keys.
void Driver::give_encoded(StepRequest &request, Input &input) {
  if (!options_.encoded || cache_.info().tokens > 0) return;
  if (!encoded_rows_.empty()) select_rows(*options_.encoded, std::exchange(encoded_rows_, {}));
  request.n_cross = options_.encoded->hidden.size(1);
  request.row_cross = options_.encoded->row_len;
  input.encoded = &*options_.encoded;
}

Output Driver::run(const Chunk &chunk, Input input) {
  Chunk with_encoder = chunk;
  give_encoded(with_encoder.request, input);
  input.ids = chunk.ids;
  Step step(cache_, with_encoder.request);
  Output output = compute(step, with_encoder, input);
  step.keep_all();
  return output;
}

int64_t Driver::next_chunk(int64_t begin, int64_t end) const {
  int64_t n = end - begin;
  if (chunk_ > 0) n = std::min(n, chunk_);
  const int64_t max_new = cache_.info().max_new;
  return max_new > 0 ? std::min(n, max_new) : n;
}

// ---- memory

bool Driver::fall_back(const CacheError &why) {
  if (why.status() != KVERN_OUT_OF_MEMORY || !options_.fall_back || cache_.in_step()) return false;
  proposal_.reset();
  auto held = ends();
  if (!options_.fall_back(cache_, held, why)) return false;
  chunk_ = options_.chunk, keeps_ = true;
  ends_ = cache_.info().tokens > 0 ? std::move(held) : std::vector<int64_t>();
  return true;
}

/// Runs a verb; where it finds no memory and another cache takes over, again on that one.
template <class Verb>
auto Driver::with_memory(Verb verb) {
  for (;;) {
    try {
      return verb();
    } catch (const CacheError &e) {
      if (!fall_back(e)) throw;
    }
  }
}

// ---- what the cache holds

/// Takes a proposal back that was not answered.
void Driver::abort() {
  if (!proposal_) return;
  const Proposal proposal = std::move(*proposal_);
  proposal_.reset();
  if (!proposal.step && (!keeps_ || !try_truncate(ends_, proposal.begin))) reset();
}

void Driver::prepare(const Columns &columns) {
  abort();
  const int64_t version = model_.rope_version(columns.total_length());
  if (!options_.use_cache || version != std::exchange(rope_version_, version)) reset();
}

void Driver::fed_up_to(std::vector<int64_t> ends) {
  const int64_t longest = std::max<int64_t>(0, *std::max_element(ends.begin(), ends.end()));
  keeps_ = cache_.info().tokens == longest;
  ends_ = std::move(ends);
}

/// How many columns the cache holds; nullopt if its rows end in different columns.
std::optional<int64_t> Driver::held_columns(const Columns &columns) {
  const int64_t tokens = cache_.info().tokens;
  const bool known = !ends_.empty() && static_cast<int64_t>(ends_.size()) == columns.rows() &&
                     std::max<int64_t>(0, *std::max_element(ends_.begin(), ends_.end())) == tokens;
  if (!known) ends_.clear();
  for (size_t r = 0; r < ends_.size(); ++r)
    if (ends_[r] - columns.tokens()[r] != ends_[0] - columns.tokens()[0]) return {};
  return tokens;
}

bool Driver::try_truncate(const std::vector<int64_t> &from, const std::vector<int64_t> &to) {
  if (!cache_.offers("truncate")) return false;
  int64_t most = 0;
  for (size_t r = 0; r < from.size(); ++r) most = std::max(most, from[r] - to[r]);
  const int64_t rollback = cache_.info().rollback;
  if (rollback >= 0 && rollback < most) return false;
  try {
    cache_.truncate(to);
  } catch (const CacheError &e) {
    if (e.status() != KVERN_UNSUPPORTED) throw;
    return false;
  }
  ends_ = to;
  for (size_t r = 0; r < from.size(); ++r) ends_[r] = std::min(from[r], to[r]);
  return true;
}

void Driver::truncate(const std::vector<int64_t> &end) {
  abort();
  const kvern_info info = cache_.info();
  if (info.tokens == 0) return;
  if (!try_truncate(ends(), end)) reset();
}

/// Positions that the cache holds of each row.
std::vector<int64_t> Driver::ends() const {
  const kvern_info info = cache_.info();
  return ends_.empty() ? std::vector<int64_t>(static_cast<size_t>(info.rows), info.tokens) : ends_;
}

bool Driver::try_append(const Driver &other) {
  const bool held = cache_.info().tokens > 0 && other.cache_.info().tokens > 0;
  if (!held || !keeps_ || !other.keeps_ || rope_version_ != other.rope_version_ || !cache_.offers("append"))
    return false;
  try {
    cache_.append(other.cache_);
  } catch (const CacheError &e) {
    if (e.status() != KVERN_UNSUPPORTED) throw;
    return false;
  }
  return true;
}

void Driver::append(Driver &other) {
  abort();
  other.abort();
  if (options_.encoded || other.options_.encoded)
    throw Error(ErrorKind::internal, "rows with an encoder's output cannot join others");
  auto joined = ends();
  const auto theirs = other.ends();
  joined.insert(joined.end(), theirs.begin(), theirs.end());
  if (!try_append(other)) return reset();
  ends_ = std::move(joined);
}

void Driver::reset() {
  proposal_.reset();
  cache_.reset();
  ends_.clear();
}

void Driver::reorder(const std::vector<int64_t> &index) {
  abort();
  std::vector<int64_t> rows;  // the encoder's output is copied only where it is given again
  for (const int64_t i : index)
    rows.push_back(encoded_rows_.empty() ? i : encoded_rows_.at(static_cast<size_t>(i)));
  if (options_.encoded) encoded_rows_ = std::move(rows);
  const bool gathered = with_memory([&] {
    const bool can = cache_.info().tokens > 0 && cache_.offers("gather");
    if (can) cache_.gather(index);
    return can;
  });
  if (!gathered) return reset();
  std::vector<int64_t> ends;
  for (const int64_t i : index)
    if (!ends_.empty()) ends.push_back(ends_.at(static_cast<size_t>(i)));
  ends_ = std::move(ends);
}

// ---- feeding

Output Driver::feed(const TokenRows &rows, const std::vector<int64_t> &padding, Want want) {
  const Columns columns(rows, padding);
  prepare(columns);
  Output output = with_memory([&] { return feed_up_to(columns, 0, want); });
  prefilled_ = true;
  return output;
}

/// Feeds all tokens but the last `held_back` of each row; of what is fed the last columns are wanted.
Output Driver::feed_up_to(const Columns &columns, int64_t held_back, Want want) {
  const int64_t end = columns.count() - held_back, first = end - want.hidden_wanted();
  if (first < 0) throw Error(ErrorKind::internal, "outputs of more columns are wanted than there are");
  const auto held = held_columns(columns);
  if (!held) return feed_ragged(columns, held_back, want);
  if (*held > first && !try_truncate(columns.positions(*held), columns.positions(first))) reset();
  return feed_columns(columns, end, want);
}

Output Driver::feed_columns(const Columns &columns, int64_t end_column, Want want) {
  std::vector<at::Tensor> logits, hidden;
  int64_t begin = cache_.info().tokens;
  while (begin < end_column) {
    const int64_t end = begin + next_chunk(begin, end_column);
    try {
      const Output output = run(columns.chunk(begin, end), input_for(begin, end, end_column, want));
      if (output.logits.defined()) logits.push_back(output.logits);
      if (output.hidden.defined()) hidden.push_back(output.hidden);
    } catch (const CacheError &e) {
      // The contract's way to ask for smaller steps; the cache is as it was.
      if (e.status() != KVERN_UNSUPPORTED || end - begin == 1) throw;
      chunk_ = (end - begin) / 2;
      continue;
    }
    if (!prefilled_ && options_.on_prefill) options_.on_prefill(end, columns.count());
    if (end == end_column) break;
    // A cache that keeps less than it was given cannot be fed in chunks: all at once, then.
    const bool kept = cache_.info().tokens == end;
    begin = kept ? end : 0;
    if (kept) ends_ = columns.positions(end);
    if (kept) continue;
    reset();
    chunk_ = 0;
    logits.clear();
    hidden.clear();
  }
  fed_up_to(columns.positions(end_column));
  return {last_columns(logits, want.columns), last_columns(hidden, want.hidden_wanted())};
}

/// Rows that continue at different columns are fed in one step; if the cache cannot, all tokens are fed again.
Output Driver::feed_ragged(const Columns &columns, int64_t held_back, Want want) {
  const auto again = [&] {
    reset();
    return feed_columns(columns, columns.count() - held_back, want);
  };
  const auto ends = minus(columns.tokens(), held_back), most = minus(ends, want.columns);
  if (want.hidden_wanted() > want.columns) return again();
  if (*std::min_element(most.begin(), most.end()) < 0) return again();
  auto begins = ends_;
  for (size_t r = 0; r < begins.size(); ++r) begins[r] = std::min(begins[r], most[r]);
  if (begins != ends_ && !try_truncate(ends_, begins)) return again();
  if (begins == ends) return {};
  const Chunk chunk = columns.ragged(begins, ends);
  if (next_chunk(0, chunk.request.n_new) < chunk.request.n_new) return again();
  Input input;
  input.logits = want.columns > 0 ? Input::Logits::all : Input::Logits::none;
  input.hidden = want.hidden;
  Output output;
  try {
    output = run(chunk, input);
  } catch (const CacheError &e) {
    if (e.status() != KVERN_UNSUPPORTED) throw;
    return again();
  }
  std::vector<int64_t> fed;
  for (size_t r = 0; r < ends.size(); ++r) fed.push_back(ends[r] - begins[r]);
  fed_up_to(ends);
  return {columns_of_rows(output.logits, fed, want.columns),
          columns_of_rows(output.hidden, fed, want.columns)};
}

// ---- proposals

/// False if the cache does not take the tokens as a tentative step.
bool Driver::open_proposal(const StepRequest &request) {
  if (next_chunk(0, request.n_new) < request.n_new) return false;
  try {
    proposal_->step = std::make_unique<Step>(cache_, request);
  } catch (const CacheError &e) {
    if (e.status() != KVERN_UNSUPPORTED) throw;
    return false;
  }
  return true;
}

Output Driver::propose(const TokenRows &rows, const std::vector<int64_t> &padding, int64_t n, bool hidden) {
  const Columns columns(rows, padding);
  prepare(columns);
  return with_memory([&] { return propose_columns(columns, n, hidden); });
}

Output Driver::propose_columns(const Columns &columns, int64_t n, bool hidden) {
  if (keeps_ && options_.use_cache) feed_up_to(columns, n, {0, false});
  Chunk chunk = columns.chunk(columns.count() - n, columns.count());
  chunk.request.tentative = true;
  Proposal proposal{nullptr, chunk.request.row_pos, n};
  proposal_ = std::move(proposal);
  Input input;
  give_encoded(chunk.request, input);
  if (!keeps_ || !options_.use_cache || !open_proposal(chunk.request)) {
    Output output = feed_up_to(columns, 0, {n, hidden});
    prefilled_ = true;
    return output;
  }
  prefilled_ = true;
  input.ids = chunk.ids;
  input.logits = Input::Logits::all;
  input.hidden = hidden;
  try {
    return compute(*proposal_->step, chunk, input);
  } catch (...) {
    proposal_.reset();
    throw;
  }
}

void Driver::accept(const std::vector<int64_t> &keep) {
  if (!proposal_) throw Error(ErrorKind::internal, "tokens are accepted, but none are proposed");
  Proposal proposal = std::move(*proposal_);
  proposal_.reset();
  auto ends = proposal.begin;
  for (size_t r = 0; r < ends.size(); ++r) ends[r] += keep.at(r);
  if (!proposal.step) {
    if (keeps_ && all_equal(keep) && keep.front() == proposal.n) return;
    if (!keeps_ || !try_truncate(ends_, ends)) reset();
    return;
  }
  if (all_equal(keep)) {
    proposal.step->keep(keep.front());
    return fed_up_to(std::move(ends));
  }
  try {
    proposal.step->keep_rows(keep);
  } catch (const CacheError &e) {
    if (e.status() != KVERN_UNSUPPORTED) throw;
    const int64_t least = *std::min_element(keep.begin(), keep.end());
    proposal.step->keep(least);
    ends = minus(proposal.begin, -least);
  }
  fed_up_to(std::move(ends));
}

}  // namespace kvern
