// What sublayers with recurrent states have in common: which new tokens are computed, and where their state is.
#pragma once
#include <vector>

#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

/// The new tokens of each row that are neither padding (negative positions) nor filler of ragged rows.
class TokenRanges {
 public:
  explicit TokenRanges(const Step &step);
  /// One state of the layer at hand, float32; borrows from this object.
  kernels::Recurrence state(Step &step, int layer, int slot) const;

 private:
  std::vector<int64_t> begin_, end_;
  int64_t n_new_;
};

/// Depthwise causal convolution with silu or without. Immutable once filled.
struct CausalConv {
  Weight weight;  ///< float32 [taps, channels]
  Weight bias;    ///< float32 [channels], or empty
  bool silu = true;

  int64_t taps() const { return weight.shape[0]; }
  int64_t channels() const { return weight.shape[1]; }
  /// The last taps - 1 inputs.
  LayerSpec::State spec() const { return {Dtype::f32, {taps() - 1, channels()}}; }
  /// For the caller's inputs, gates and output.
  kernels::CausalConvCall call(const kernels::Recurrence &tokens) const;
};

}  // namespace kvern::models
