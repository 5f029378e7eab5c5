// A mixture of experts (Shazeer et al. 2017): a router sends each token to a few gated MLPs; shared experts see all tokens.
#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

/// Gated MLPs of one width. The table points into the weights.
struct ExpertTable {
  int64_t width = 0;
  kernels::Dtype type = kernels::Dtype::f32;
  kernels::WeightLayout layout = kernels::WeightLayout::n_k;
  kernels::ExpertActivation activation;
  std::vector<kernels::Expert> experts;
  std::deque<kernels::PackedMatrix> packed;  ///< that the table points to
  std::vector<std::shared_ptr<const void>> owners;
};

/// Immutable once filled.
struct ExpertsWeights {
  kernels::Routing routing;
  Matrix router;           ///< experts of hidden_size
  Weight correction_bias;  ///< [experts], of the choice alone; or empty
  ExpertTable routed;
  ExpertTable shared;  ///< one expert, or none
  Matrix shared_gate;  ///< 1 of hidden_size: the shared expert times its sigmoid; or empty
};

class Experts : public ResidualSublayer {
 public:
  Experts(Residual residual, ExpertsWeights weights);

  const char *name() const override { return "experts"; }
  std::string describe() const override;

 protected:
  void compute(Activations &x, Step &step, const MatrixView &out, Into into) const override;

 private:
  void add_shared(Activations &x, const MatrixView &out, Queue &queue) const;

  ExpertsWeights weights_;
};

}  // namespace kvern::models
