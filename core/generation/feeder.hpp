// Keeps a cache in step with the rows of ids: feeds what the cache does not hold yet and returns the last
// token's logits. Which tokens those are is the cache's to say, after every step; this never asks what kind
// of cache it is.
#pragma once
#include <functional>
#include <kvern/cache.hpp>
#include <kvern/generation.hpp>
#include <kvern/model.hpp>
#include <vector>

namespace kvern {

class Feeder {
 public:
  struct Options {
    bool use_cache = true;
    int64_t chunk = 0;  ///< tokens per forward pass at most; 0 = all
    std::function<void(int64_t done, int64_t total)> on_progress;  ///< columns fed, in the first feed
  };
  Feeder(const Model &model, Cache &cache, Options options);

  /// Feeds columns of `rows` ([R][L] ids, all of one length) from where the cache ends up to the last, and
  /// returns the logits of the last column, float32 [R, V]. padding: [R] columns of padding on the left.
  at::Tensor feed(const std::vector<std::vector<int64_t>> &rows, const std::vector<int64_t> &padding);

  /// Row i continues what was row rows[i]. False if the cache cannot do that (it is then unchanged).
  bool gather(const std::vector<int64_t> &rows);

  /// The cache forgets everything; the next feed starts from the first column.
  void forget() { cache_.reset(); }

  /// How many positions can be held at most: the smaller of the model's limit and the cache's; -1 = no limit.
  int64_t limit() const;

 private:
  int64_t held_columns(int64_t columns, const std::vector<int64_t> &padding);
  int64_t next_chunk(int64_t begin, int64_t end) const;

  const Model &model_;
  Cache &cache_;
  Options options_;
  bool fed_before_ = false;
  int64_t rope_version_ = 0;  ///< of the keys that the cache holds
};

}  // namespace kvern
