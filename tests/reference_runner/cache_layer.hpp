// Caches that replay transformers' classes: one layer in a cache of its own, and what a step exports.
#pragma once
#include <kvern/cache.hpp>
#include <vector>

#include "core/torch/tensor.hpp"
#include "tests/reference_runner/compare.hpp"

namespace kvern::reference {

struct KeysValues {
  at::Tensor k, v;
};

/// An exported float32 tensor, borrowed.
at::Tensor borrowed_tensor(const DLTensor &dl);

/// Copies of a layer's keys and values [rows, heads, tokens, dim], without the columns in which the first row has padding or a
/// dropped token. k and v: the new ones, or nullptr to read.
KeysValues update_layer(Cache &cache, int layer, const at::Tensor *k, const at::Tensor *v);

/// What a cache borrows from the begin of a step to its end.
struct StepInput {
  std::vector<int64_t> row_pos;
};

/// Begins a step of `rows` rows behind what the cache holds. The result must live until its end.
[[nodiscard]] StepInput begin_step(Cache &cache, int64_t rows, int64_t n_new, uint32_t flags = 0,
                                   int64_t n_cross = 0);

/// Takes back all tokens behind the first `length`, or the last -`length`, of each row.
void crop(Cache &cache, int64_t length);

struct LayerRequest {
  int64_t heads = 0, dim = 0, window = 0, max_rows = 0, max_tokens = 0;
  OptionTable options = {};
};

/// One layer of a transformers cache, of any plugin.
class CacheLayer {
 public:
  CacheLayer(std::shared_ptr<Host> host, const kvern_plugin &plugin, const LayerRequest &request);
  explicit CacheLayer(Cache cache) : cache_(std::move(cache)) {}

  KeysValues update(const at::Tensor &k, const at::Tensor &v, uint32_t flags = 0);
  KeysValues state();
  /// Writes tokens at positions in any order: positions before the last one that lack a token get zeros, and what is written
  /// again is taken back and fed once more.
  KeysValues update_at(const std::vector<int64_t> &positions, const at::Tensor &k, const at::Tensor &v);

  Cache &cache() { return cache_; }

 private:
  Cache cache_;
};

/// transformers' static caches return the whole buffer: what is behind the tokens must be zeros there.
void expect_held(const at::Tensor &got, const at::Tensor &want, Tolerance tolerance, const std::string &what);

/// What transformers' SlidingWindowCache returns for the newest of `stored`: `got` must be these tokens, and the recorded ones
/// without zeros the newest of them. A recorded zero between tokens stands for the oldest, dropped one step too early. Returns
/// the number of recorded tokens.
int64_t expect_window(const at::Tensor &got, const at::Tensor &stored, const at::Tensor &recorded,
                      Tolerance tolerance, const std::string &what);

/// What a window holds between steps: `got` must be the newest recorded tokens.
void expect_newest(const at::Tensor &got, const at::Tensor &recorded, Tolerance tolerance,
                   const std::string &what);

}  // namespace kvern::reference
