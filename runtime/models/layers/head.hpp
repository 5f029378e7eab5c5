// From hidden states to logits.
#pragma once
#include "runtime/models/layers/norm.hpp"
#include "runtime/models/layers/projection.hpp"

namespace kvern::models {

struct Head {
  NormLayer norm;        ///< or empty
  Matrix matrix;         ///< vocab_size of hidden_size, often the token embeddings
  float scale = 1.0f;    ///< of the logits
  float softcap = 0.0f;  ///< c * tanh(logits / c), after the scale; 0 = off

  int64_t vocab_size() const { return matrix.out(); }
  /// out = what the matrix reads of hidden states [rows, hidden_size]: their norm, or a copy.
  void normalize(const MatrixView &hidden, const MatrixView &out, Queue &queue) const;
  /// logits [rows, vocab_size] in host memory of hidden states after the norm, which may be rounded in place.
  void operator()(const MatrixView &hidden, float *logits, Queue &queue) const;
};

}  // namespace kvern::models
