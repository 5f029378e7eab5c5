// A decoder described: the sizes of its sublayers and the names of their weights. A tool of families: one that follows Llama
// fills this in from config.json and changes what differs; build_decoder makes the model.
#pragma once
#include <cstdint>
#include <kvern/rope.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/models/layers/attention.hpp"
#include "runtime/models/layers/experts.hpp"
#include "runtime/models/layers/latent_attention.hpp"
#include "runtime/models/layers/mlp.hpp"

namespace kvern::models {

/// A projection's tensors, NAME.weight (and NAME.bias): one, or several whose outputs lie side by side.
struct ProjectionNames {
  std::vector<std::string> names;
  bool bias = false;
};

/// The norms of a model are all of one kind.
struct NormDescription {
  Norm kind = Norm::rms;
  float eps = 1e-6f;
  float offset = 0.0f;  ///< added to each weight
  bool bias = false;    ///< layer norm only
};

/// What surrounds a sublayer; names within the layer, empty where there is no such norm.
struct ResidualDescription {
  SublayerInput input = SublayerInput::norm;
  std::string norm, post_norm;
  float multiplier = 1.0f;
  std::string stream_norm = {};
};

enum class QkNorm {
  none,
  head,       ///< over each head, one weight for all: [head_dim]
  each_head,  ///< over each head, with weights of its own: [heads, head_dim]
  heads       ///< over all heads of a token: [heads * head_dim]
};

struct AttentionDescription {
  ResidualDescription residual;
  AttentionConfig config;
  QkNorm qk_norm = QkNorm::none;
  ProjectionNames qkv, out;
  std::string q_norm, k_norm, sinks;  ///< sinks: a whole name within the layer, empty = none
};

/// Multi-head latent attention; names within the layer.
struct LatentAttentionDescription {
  ResidualDescription residual;
  LatentAttentionConfig config;
  int64_t q_rank = 0;  ///< q_lora_rank; 0: queries come from the hidden state at once
  bool bias = false;   ///< of the projections from and to the hidden state, but for q without q_rank
  float eps = 1e-6f;   ///< of the norms inside
  std::string attention = "self_attn.";
};

struct MlpDescription {
  ResidualDescription residual;
  int64_t intermediate_size = 0;
  bool gated = true;
  kernels::Activation activation = kernels::Activation::silu;
  float gate_multiplier = 1.0f;  ///< gated: of the gate before its activation
  ProjectionNames up, down;
};

/// How the files hold the experts of a layer.
enum class ExpertStorage {
  one_by_one,          ///< EXPERTS.N.GATE.weight, EXPERTS.N.UP.weight [I, hidden_size], EXPERTS.N.DOWN.weight
  stacked,             ///< GATE [E, 2 I, hidden_size], gate first, DOWN [E, hidden_size, I]
  stacked_transposed,  ///< GATE [E, hidden_size, 2 I], DOWN [E, I, hidden_size]
};

/// The names within the layer, whole ones where experts are stacked.
struct ExpertNames {
  std::string router, experts, gate, up, down;
  std::string gate_bias, down_bias;  ///< of stacked ones: [E, 2 I], [E, hidden_size]; or empty
  std::string correction_bias;       ///< or empty
};

/// An MLP that all tokens go through beside the experts.
struct SharedExpertDescription {
  int64_t intermediate_size = 0;  ///< 0 = there is none
  std::string gate, up, down;     ///< up empty: gate holds both, gate first
  std::string weight;             ///< a gate [1, hidden_size] whose sigmoid multiplies it; or empty
};

struct ExpertsDescription {
  ResidualDescription residual;
  kernels::Routing routing;
  bool router_bias = false;
  int64_t intermediate_size = 0;
  kernels::ExpertActivation activation;
  ExpertStorage storage = ExpertStorage::one_by_one;
  ExpertNames names;
  SharedExpertDescription shared;
};

struct LayerDescription {
  AttentionDescription attention;
  std::optional<LatentAttentionDescription> latent;  ///< instead of the attention
  MlpDescription mlp;
  std::optional<ExpertsDescription> experts;  ///< instead of the MLP
};

/// Names without the model's prefix; those of a layer without the layer's too.
struct DecoderNames {
  std::vector<std::string> prefixes = {""};  ///< tried in turn with the embedding
  std::string layer;                         ///< "layers.", the number and a dot follow
  std::string embedding, positions, final_norm;
  std::string head = "lm_head";  ///< without a prefix
};

struct DecoderDescription {
  std::string model_type;
  int64_t vocab_size = 0, hidden_size = 0;
  int64_t max_positions = 0;  ///< as ModelInfo::max_positions
  NormDescription norm;
  bool transposed = false;  ///< weight matrices of the layers are stored [in, out]
  float embedding_scale = 1.0f;
  bool round_embedding_scale = false;  ///< to the dtype of the embeddings
  int64_t learned_positions = 0;       ///< rows of a table of positions; 0 = there is none
  float logits_scale = 1.0f, logits_softcap = 0.0f;
  bool head_tied = false;  ///< the embedding is the head
  bool head_bias = false;
  DecoderNames names;
  std::vector<LayerDescription> layers;
};

}  // namespace kvern::models
