// The gated short convolution of LFM2: out(C * conv(B * v)).
#pragma once
#include "runtime/models/layers/recurrence.hpp"

namespace kvern::models {

/// Immutable once filled.
struct ShortConvWeights {
  Projection in;  ///< [3 hidden_size, hidden_size]: B, C, v
  CausalConv conv;
  Projection out;  ///< [hidden_size, hidden_size]
};

class ShortConv : public ResidualSublayer {
 public:
  ShortConv(Residual residual, ShortConvWeights weights)
      : ResidualSublayer(std::move(residual)), weights_(std::move(weights)) {}

  const char *name() const override { return "short convolution"; }
  std::optional<LayerSpec> spec() const override;

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  ShortConvWeights weights_;
};

}  // namespace kvern::models
