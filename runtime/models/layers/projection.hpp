// y = x W + b with weights in the type of the file. The one place that chooses how such a product is
// computed.
#pragma once
#include <cstdint>
#include <vector>

#include "devices/queue.hpp"
#include "runtime/models/layers/matrix_view.hpp"
#include "runtime/models/weight.hpp"

namespace kvern::models {

/// One weight matrix with its bias.
struct Matrix {
  Weight weight;  ///< [out, in], or [in, out] if layout is k_n; empty if packed
  Weight bias;    ///< [out], or empty
  kernels::WeightLayout layout = kernels::WeightLayout::n_k;
  PackedWeight packed;  ///< in place of weight

  int64_t in() const {
    return packed ? packed.matrix.k : weight.shape[layout == kernels::WeightLayout::n_k ? 1 : 0];
  }
  int64_t out() const {
    return packed ? packed.matrix.n : weight.shape[layout == kernels::WeightLayout::n_k ? 0 : 1];
  }
};

enum class Into { replace, add };

/// y[:, 0:out] = (or +=, if into is add) x[:, 0:in] W + b, accumulated in f32. x and y do not overlap. Where W is bf16, x is rounded
/// to bf16 (MatmulCall::round_x), where it is packed to 8 bits (PackedMatmulCall).
void project(const Matrix &matrix, const MatrixView &x, const MatrixView &y, Into into, Queue &queue);

/// Several matrices that read the same x, each as `project` does; their outputs lie side by side in y. Packed ones share one call,
/// and x is rounded once.
struct Projection {
  std::vector<Matrix> parts;

  int64_t out() const;  ///< of all together
  void operator()(const MatrixView &x, const MatrixView &y, Into into, Queue &queue) const;

 private:
  bool shares_call() const;
};

}  // namespace kvern::models
