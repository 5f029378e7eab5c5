// down(act(up(x))) or, gated, down(act(gate(x)) * up(x)).
#pragma once
#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

struct MlpWeights {
  Projection up;                 ///< intermediate_size of hidden_size; gated: gate, then up
  Projection down;               ///< hidden_size of intermediate_size
  float gate_multiplier = 1.0f;  ///< gated: of the gate before its activation
};

class Mlp : public ResidualSublayer {
 public:
  Mlp(Residual residual, kernels::Activation activation, bool gated, MlpWeights weights);

  const char *name() const override { return "MLP"; }
  /// As add_to, in an encoder.
  void add_without_step(Activations &x, Queue &queue) const;

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  void run(Activations &x, Queue &queue, const MatrixView &out, Into into) const;
  void activate(const MatrixView &hidden, Queue &queue) const;

  kernels::Activation activation_;
  bool gated_;
  MlpWeights weights_;
  int64_t up_size_;
};

}  // namespace kvern::models
