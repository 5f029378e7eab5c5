// RMS norm and layer norm over the last axis.
#pragma once
#include "devices/queue.hpp"
#include "runtime/models/layers/matrix_view.hpp"
#include "runtime/models/weight.hpp"

namespace kvern::models {

/// Immutable once filled; empty where a model has no such norm.
struct NormLayer {
  Norm kind = Norm::rms;
  float eps = 1e-6f;
  float offset = 0.0f;  ///< added to each weight (Gemma: 1)
  Weight weight;        ///< [dim]
  Weight bias;          ///< [dim], layer norm only; or empty

  explicit operator bool() const { return static_cast<bool>(weight); }
  int64_t dim() const { return weight.shape[0]; }
  /// out = norm(x), each row; out may be x.
  void operator()(const MatrixView &x, const MatrixView &out, Queue &queue) const;
};

}  // namespace kvern::models
