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
  Weight weight;        ///< [dim], or [rows, dim]: then row() gives the norms
  Weight bias;          ///< [dim], layer norm only; or empty

  explicit operator bool() const { return static_cast<bool>(weight); }
  int64_t dim() const { return weight.shape.back(); }
  /// The norm of row i of a weight [rows, dim].
  NormLayer row(int64_t i) const;
  /// out = norm(x), each row; out may be x.
  void operator()(const MatrixView &x, const MatrixView &out, Queue &queue) const;
};

/// Normalizes each of a token's heads in place, `head_stride` elements from head to head; norm.dim() is a head's.
void normalize_heads(const NormLayer &norm, const MatrixView &all, int64_t heads, int64_t head_stride,
                     Queue &queue);

}  // namespace kvern::models
