// A decoder described: what its blocks are and under which names its weights lie. A family fills this in from
// config.json and does nothing else.
#pragma once
#include <cstdint>
#include <kvern/rope.hpp>
#include <optional>
#include <string>
#include <vector>

#include "devices/queue.hpp"

namespace kvern::models {

using kvern::Norm;

/// What differs from layer to layer.
struct LayerConfig {
  int64_t window = 0;  ///< 0 = all; else the last `window` positions are seen
  float scale = 1.0f;  ///< of the scores
};

struct DecoderConfig {
  std::string model_type;
  int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0;
  int64_t q_heads = 0, kv_heads = 0, head_dim = 0;
  Norm norm = Norm::rms;
  float norm_eps = 1e-6f;
  bool parallel_block = false;  ///< attention and MLP read the same norm's output, and both are added
  bool gated_mlp = true;        ///< down(act(gate(x)) * up(x)) instead of down(act(up(x)))
  bool qk_norm = false;         ///< queries and keys are normalised per head, by the model's kind of norm
  kernels::Activation activation = kernels::Activation::silu;
  int64_t learned_positions = 0;   ///< rows of a table of positions; 0 = there is none
  std::optional<RopeConfig> rope;  ///< none = queries and keys are not turned
  int64_t max_positions = 0;       ///< as ModelInfo::max_positions
  std::vector<LayerConfig> layers;
};

/// A projection's tensors, NAME.weight (and NAME.bias): one, or several of which the outputs lie side by
/// side.
struct ProjectionNames {
  std::vector<std::string> names;
  bool bias = false;
};

/// Names without the model's prefix; those of a layer without the layer's too.
struct DecoderNames {
  std::vector<std::string> prefixes;  ///< that files have in front of all names but the head's; "" is one too
  std::string layer;                  ///< "layers."
  std::string embedding, positions, final_norm;
  std::string head = "lm_head";
  bool head_tied = false;  ///< its weight is the embedding's
  bool head_bias = false;
  bool transposed = false;  ///< projections lie as [in, out] (GPT-2), all but the head
  std::string attention_norm, mlp_norm, q_norm, k_norm;  ///< mlp_norm is empty in a parallel block
  ProjectionNames qkv;                                   ///< queries, keys, values
  ProjectionNames out;                                   ///< of the heads
  ProjectionNames up;                                    ///< of the MLP: gate, then up; or up alone
  ProjectionNames down;                                  ///< of the MLP
};

struct DecoderDescription {
  DecoderConfig config;
  DecoderNames names;
};

}  // namespace kvern::models
