// One forward pass through a cache, as a model's attention layers see it: begin, one attention per layer,
// end.
//
// Here, and only here, positions become rotation and visibility, a cache's wishes (raw keys, positions of its
// own) are met, and the choice is made between the cache's own attention and the host's. A model never learns
// which cache it has.
#pragma once
#include <ATen/core/Tensor.h>
#include <kvern/cache.hpp>
#include <kvern/model.hpp>
#include <kvern/rope.hpp>
#include <memory>
#include <optional>

namespace kvern {

/// What one attention layer asks for, apart from its tensors.
struct AttentionSpec {
  float scale = 1.0f;
  float softcap = 0.0f;  ///< 0 = off
  int64_t window = 0;    ///< 0 = all
  bool causal = true;
  const Rope *rope = nullptr;  ///< nullptr: queries and keys are not turned
  at::Tensor sinks;            ///< undefined, or float32 [q_heads]
};

class Step {
 public:
  /// Opens the step; throws CacheError with the cache untouched if it has no room.
  Step(Cache &cache, const ForwardInput &input);
  /// Takes the step back if it was not committed.
  ~Step();
  Step(const Step &) = delete;
  Step &operator=(const Step &) = delete;

  /// q [B, H, T, D] float32, k [B, Hkv, T, D], v [B, Hkv, T, Dv] float32, all before rotation, last stride 1;
  /// q and k may be turned in place. Stores k and v in `layer` in the cache's dtype and returns [B, T, H *
  /// Dv] float32.
  at::Tensor attend(int layer, at::Tensor q, at::Tensor k, at::Tensor v, const AttentionSpec &spec);

  /// Keeps all new tokens.
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kvern
