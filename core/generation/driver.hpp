// Drives a model and a cache over rows of token ids: feeds what the cache does not hold, tries tokens of which a part is kept,
// reorders rows. Asks the cache for its length after every step; no cache is special. All that feeds models uses this.
#pragma once
#include <algorithm>
#include <functional>
#include <kvern/cache.hpp>
#include <kvern/generation.hpp>
#include <kvern/model.hpp>
#include <kvern/step.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "core/generation/columns.hpp"

namespace kvern {

/// Positions that a model and a cache take together; -1 = no limit. A cache that counts positions inside a window
/// ("kvern.positions/1") within the model's limit lifts it.
int64_t position_limit(const Model &model, const Cache &cache);

class Driver {
 public:
  struct Options {
    bool use_cache = true;                                        ///< false: every feed computes all tokens
    int64_t chunk = 0;                                            ///< tokens per step at most; 0 = all
    std::function<void(int64_t done, int64_t total)> on_prefill;  ///< columns fed, in the first feed
    std::optional<Encoded> encoded = {};  ///< of an encoder-decoder: given to the step that starts a sequence
    /// Asked within passes too (Input::stop_requested): feed and propose then throw StopRequested, and the cache is as before the
    /// step that was interrupted.
    std::function<bool()> stop_requested = {};
    FallBack fall_back = {};  ///< for steps and reordered rows; the cache is replaced where it is
  };
  /// Outputs that are asked for: of the last `columns` columns.
  struct Want {
    int64_t columns = 1;
    bool hidden = false;
    int64_t hidden_columns = 0;  ///< of hidden states, if more than `columns`
    int64_t hidden_wanted() const { return hidden ? std::max(columns, hidden_columns) : columns; }
  };

  /// Both are borrowed. The cache may hold tokens already: the beginning of the rows of the first feed.
  Driver(const Model &model, Cache &cache, Options options);
  Driver(const Model &model, Cache &cache) : Driver(model, cache, Options()) {}

  /// Feeds the tokens of `rows` that the cache does not hold; at least the last want.columns. Rows are [R] lists of ids, of
  /// which the first padding[r] are padding; they may differ in length. Each continues what was fed before. Returns logits
  /// float32 [R, want.columns, V] (and hidden states [R, want.hidden_wanted(), d]). Throws Error(model) that says where, if
  /// logits are not finite; the cache is then as before.
  Output feed(const TokenRows &rows, const std::vector<int64_t> &padding, Want want = {1, false, 0});

  /// As feed, for the last n tokens of each row, which are tentative: accept says how many of them stay. A cache that cannot
  /// keep a part of a step is fed them, and made to forget or fed again by accept.
  Output propose(const TokenRows &rows, const std::vector<int64_t> &padding, int64_t n, bool hidden = false);
  /// Keeps the first keep[r] of the tokens proposed in row r. The rows of the next feed or proposal end with those, and what
  /// follows them.
  void accept(const std::vector<int64_t> &keep);

  /// Row i continues what was row index[i]; if the cache cannot, the next feed computes all tokens.
  void reorder(const std::vector<int64_t> &index);
  /// The rows of another driver of the same model join below this one's, whatever their lengths; `other` stays as it is. If the
  /// cache cannot, the next feed computes all tokens. Rows leave by reorder.
  void append(Driver &other);
  /// Forgets positions end[r] and later of each row; all of them, if the cache cannot.
  void truncate(const std::vector<int64_t> &end);
  /// Forgets everything; the next feed starts from the first token.
  void reset();

  /// Positions that can be held at most: the smaller of the model's limit and the cache's; -1 = no limit.
  int64_t limit() const;
  Cache &cache() { return cache_; }
  const Model &model() const { return model_; }

 private:
  struct Proposal {
    std::unique_ptr<Step> step;  ///< nullptr: the cache was fed for good
    std::vector<int64_t> begin;  ///< [R] position of each row's first token
    int64_t n = 0;
  };

  void give_encoded(StepRequest &request, Input &input);
  bool fall_back(const CacheError &why);
  template <class Verb>
  auto with_memory(Verb verb);
  void prepare(const Columns &columns);
  std::optional<int64_t> held_columns(const Columns &columns);
  bool try_truncate(const std::vector<int64_t> &from, const std::vector<int64_t> &to);
  int64_t next_chunk(int64_t begin, int64_t end) const;
  Output feed_up_to(const Columns &columns, int64_t held_back, Want want);
  Output feed_columns(const Columns &columns, int64_t end, Want want);
  Output feed_ragged(const Columns &columns, int64_t held_back, Want want);
  Output propose_columns(const Columns &columns, int64_t n, bool hidden);
  bool open_proposal(const StepRequest &request);
  Output run(const Chunk &chunk, Input input);
  Output compute(Step &step, const Chunk &chunk, Input input);
  void abort();
  std::vector<int64_t> ends() const;
  bool try_append(const Driver &other);
  void fed_up_to(std::vector<int64_t> ends);

  const Model &model_;
  Cache &cache_;
  Options options_;
  std::vector<int64_t> encoded_rows_;  // [R] rows of options_.encoded after reorder; empty: as they are
  int64_t chunk_ = 0;                  // tokens per step at most, also by the cache's wish; 0 = all
  bool prefilled_ = false;
  bool keeps_ = true;         // did the cache hold all that it was fed?
  int64_t rope_version_ = 0;  // of the keys that the cache holds
  std::vector<int64_t>
      ends_;  // [R] positions that the cache holds of each row; empty: as the cache says, aligned
  std::optional<Proposal> proposal_;
};

}  // namespace kvern
