// One layer of a decoder: norm, attention, norm, MLP, each adding to the residual stream.
#pragma once
#include <cstdint>
#include <kvern/step.hpp>

#include "runtime/models/decoder_config.hpp"
#include "runtime/models/projection.hpp"

namespace kvern::models {

/// Weights of a norm over the last axis.
struct NormWeights {
  Norm kind = Norm::rms;
  float eps = 1e-6f;
  Weight weight;  ///< [dim]
  Weight bias;    ///< [dim], layer norm only

  explicit operator bool() const { return static_cast<bool>(weight); }
  /// out = norm(x), each row; out may be x.
  void operator()(const Rows &x, const Rows &out, Queue &queue) const;
};

/// Memory that all layers of one forward pass write in turn.
class Workspace {
 public:
  Workspace(const DecoderConfig &config, int64_t batch, int64_t n_new, Queue &queue);

  const int64_t batch, n_new;
  Rows residual;  ///< [B * T, hidden_size]
  Rows normed;    ///< [B * T, hidden_size]
  Rows qkv;       ///< [B * T, (q_heads + 2 kv_heads) * head_dim]
  Rows attended;  ///< [B * T, q_heads * head_dim]
  Rows up;        ///< [at most mlp_rows, intermediate_size, twice if gated]

 private:
  Rows take(int64_t rows, int64_t dim, Queue &queue);
  std::vector<DeviceMemory> memory_;
};

/// Immutable once filled.
struct Block {
  NormWeights attention_norm, mlp_norm, q_norm, k_norm;
  Projection qkv, out, up, down;
  AttentionSpec attention;

  /// Adds attention and MLP to work.residual.
  void run(const DecoderConfig &config, int layer, Step &step, Workspace &work) const;

 private:
  void attend(const DecoderConfig &config, int layer, Step &step, Workspace &work) const;
  void run_mlp(const DecoderConfig &config, Workspace &work, Queue &queue) const;
};

}  // namespace kvern::models
