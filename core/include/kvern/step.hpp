// One forward pass through a cache. Who drives opens the step, a model computes in it, and who drives decides how many of the
// new tokens are kept. Free of LibTorch.
//
// Here, and only here, positions become rotation and masking, the cache's requests (unrotated keys, positions of its own) are
// met, and the cache's own attention or the host's kernel is chosen. A model never learns which cache it has.
#pragma once
#include <functional>
#include <kvern/cache.hpp>
#include <kvern/heads_view.hpp>
#include <kvern/rope.hpp>
#include <memory>
#include <vector>

#include "devices/queue.hpp"

namespace kvern {

/// What a bias may depend on: the positions of queries and keys that are in force in a layer. Borrowed for the call.
struct BiasPositions {
  int64_t rows = 0, n_new = 0, kv_len = 0;
  const int64_t *q_pos = nullptr;  ///< [rows, n_new]
  /// Key j of row r, head h is at first_pos[r] + j or, if key_pos is set, at key_pos[r * row_stride + h * head_stride + j];
  /// a negative position is masked.
  const int64_t *first_pos = nullptr, *key_pos = nullptr;
  int64_t row_stride = 0, head_stride = 0;
};

/// float32 [1|rows, 1|q_heads, 1|n_new, 1|kv_len]; strides count elements.
struct BiasView {
  const float *data = nullptr;
  int64_t shape[4] = {1, 1, 1, 1};
  int64_t strides[4] = {0, 0, 0, 0};
};

/// Called once per attention; what it returns is valid until its next call and is added to the scores (T5's relative
/// positions, ALiBi).
using Bias = std::function<BiasView(const BiasPositions &)>;

/// Parameters of one attention, apart from its tensors. Pointers are borrowed for the call.
struct AttentionSpec {
  float scale = 1.0f;
  float softcap = 0.0f;        ///< 0 = off
  int64_t window = 0;          ///< 0 = all
  bool causal = true;          ///< false for CROSS layers
  const Rope *rope = nullptr;  ///< nullptr: queries and keys are not rotated
  int64_t rope_first =
      0;  ///< element of a head at which the rotated ones begin: behind the values that lie in its keys
  const float *sinks = nullptr;  ///< nullptr, or float32 [q_heads]: one more logit per head, without a value
  const Bias *bias = nullptr;
};

/// What a step is about; the fields of kvern_step.
struct StepRequest {
  std::vector<int64_t>
      row_pos;  ///< [B] position of each row's first new token; negative: padding on the left
  std::vector<int64_t> row_new;  ///< empty, or [B], each at most n_new: ragged rows, padded on the right
  int64_t n_new = 0;             ///< tokens per row
  int64_t n_cross = 0;           ///< keys that CROSS layers get in this step; 0 = they are only read
  std::vector<int64_t>
      row_cross;             ///< empty, or [B], each at most n_cross: the others are padding on the right
  int64_t total_length = 0;  ///< columns of the whole sequence so far, padding and these included (longrope)
  bool tentative = false;    ///< a part of the new tokens may be kept
  bool import = false;       ///< keys come from another cache; nothing attends
  /// attend throws if its output is not finite though queries, keys and values are: Error(model) where they overflow a float16
  /// cache, else Error(plugin). Slow; for the message only.
  bool locate_non_finite = false;
};

class Step {
 public:
  /// Opens the step. Throws CacheError with the cache untouched if it has no capacity (or, UNSUPPORTED, wants fewer tokens at
  /// a time or cannot keep a part of a tentative step).
  Step(Cache &cache, StepRequest request) : Step(cache, std::move(request), cache.host().queue()) {}
  Step(Cache &cache, StepRequest request, Queue &queue);
  /// Aborts the step, which restores the cache, if it is still open.
  ~Step();
  Step(const Step &) = delete;
  Step &operator=(const Step &) = delete;

  const StepRequest &request() const;
  int64_t rows() const;
  int64_t n_new() const;
  /// [rows, n_new], the host's own count.
  const std::vector<int64_t> &positions() const;
  Queue &queue();

  /// q [B, H, n_new, D], k [B, Hkv, n_new, D], v [B, Hkv, n_new, Dv], before rotation; q and k may be rotated in place. Stores
  /// k and v of `layer` in the cache's dtype and writes the attention of q to out [B, H, n_new, Dv]. k and v without data: the
  /// layer is only read. In a CROSS layer k and v have n_cross tokens. A layer that shares another's keys reads those.
  void attend(int layer, const HeadsView &q, const HeadsView &k, const HeadsView &v,
              const AttentionSpec &spec, const HeadsView &out);
  /// Does attend give this layer's queries nothing but the step's own tokens, at the step's positions, by the host's kernel? A model
  /// may then attend to those in another form than it stores them in.
  bool attends_to_itself(int layer) const;
  /// Rotates x [B, H, n_new, D] in place at the step's positions, where attends_to_itself.
  void rotate(const Rope &rope, const HeadsView &x);
  /// Stores k (rotated in place unless rope is nullptr) and v without attention. In an IMPORT step they may hold a layer's last
  /// tokens only.
  void store(int layer, const HeadsView &k, const HeadsView &v, const Rope *rope);

  /// A recurrent state: before the step, to read; and after it, to be written in full: [rows, ...], or in a tentative step
  /// [rows, n_new, ...]. Valid until a call names another layer, or the step ends.
  struct State {
    DLTensor read, write;
  };
  State state(int layer, int slot);

  // Each of these closes the step.
  /// Keeps n tokens of each row: 0, n_new or, if tentative, any number between.
  void keep(int64_t n);
  void keep_all() { keep(n_new()); }
  /// Tentative steps only: keeps n[r] tokens of row r. If the cache does not offer that, throws CacheError (UNSUPPORTED) and the
  /// step stays open.
  void keep_rows(const std::vector<int64_t> &n);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Attention among the tokens themselves, without a cache (encoders): q [B, H, T, D], k [B, Hkv, T, D], v [B, Hkv, T, Dv], out
/// [B, H, T, Dv]. positions [B, T] of queries and keys alike; a key at a negative one is masked. q and k may be rotated in
/// place.
void attend_without_cache(Queue &queue, const HeadsView &q, const HeadsView &k, const HeadsView &v,
                          const std::vector<int64_t> &positions, const AttentionSpec &spec,
                          const HeadsView &out);

}  // namespace kvern
