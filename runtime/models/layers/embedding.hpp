// Token embeddings, and learned position embeddings where a model has them.
#pragma once
#include <kvern/step.hpp>

#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

/// out [n, dim] = scale * rows ids[0 .. n) of the table. A packed one is on the CPU.
void look_up(const PackedWeight &table, const int64_t *ids, float scale, const MatrixView &out, Queue &queue);
void look_up(const Weight &table, const int64_t *ids, float scale, const MatrixView &out, Queue &queue);

struct Embedding {
  Weight tokens;        ///< [vocab_size, hidden_size], or empty: they are packed
  PackedWeight packed;  ///< in their place
  float scale = 1.0f;   ///< of token embeddings
  Weight positions;     ///< [positions, hidden_size], or empty
  NormLayer norm;       ///< of the sum; or empty

  int64_t vocab_size() const { return packed ? packed.matrix.n : tokens.shape[0]; }
  int64_t hidden_size() const { return packed ? packed.matrix.k : tokens.shape[1]; }
  /// Throws Error(input) for an id outside of the vocabulary, or a position beyond the table of learned ones.
  void check(const int64_t *ids, const Step &step) const;
  /// x.residual = the embeddings of ids [batch * n_new]; x.normed may be overwritten.
  void operator()(const int64_t *ids, Activations &x, Step &step) const;
  /// The same for tokens at `at` [batch * n_new].
  void embed(const int64_t *ids, std::vector<int64_t> at, Activations &x, Queue &queue) const;
};

}  // namespace kvern::models
