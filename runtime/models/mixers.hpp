// Mixers with recurrent states described, and models whose layers have different mixers. Tools of families, as description.hpp.
#pragma once
#include <functional>

#include "runtime/models/family.hpp"
#include "runtime/models/layers/delta_net.hpp"
#include "runtime/models/layers/mamba2.hpp"

namespace kvern::models {

/// Names end with a dot and stand within the layer.
struct MambaDescription {
  ResidualDescription residual;
  std::string name;
  int64_t inner = 0, states = 0, rank = 0, taps = 0;
  bool projection_bias = false, conv_bias = true;
  bool parameter_norms = false;  ///< dt_layernorm, b_layernorm, c_layernorm
};

struct Mamba2Description {
  ResidualDescription residual;
  std::string name;
  Mamba2Config config;
  int64_t taps = 0;
  bool in_bias = false, out_bias = false, conv_bias = true;
  bool norm = true;
};

struct DeltaNetDescription {
  ResidualDescription residual;
  std::string name;
  DeltaNetConfig config;
  int64_t taps = 0;
};

struct ShortConvDescription {
  ResidualDescription residual;
  std::string name;
  int64_t taps = 0;
  bool bias = false;
};

// Each throws what WeightReader::read throws.
std::unique_ptr<Sublayer> build_mamba(const MambaDescription &description, const TensorReader &reader);
std::unique_ptr<Sublayer> build_mamba2(const Mamba2Description &description, const TensorReader &reader);
std::unique_ptr<Sublayer> build_delta_net(const DeltaNetDescription &description, const TensorReader &reader);
std::unique_ptr<Sublayer> build_short_conv(const ShortConvDescription &description,
                                           const TensorReader &reader);

/// A model whose layers `block` builds, one after the other.
std::unique_ptr<Model> build_layers(const DecoderDescription &description, const Loading &loading,
                                    const std::function<Block(size_t layer, const TensorReader &)> &block);

// Keys of config.json that mean the same in several families. Each throws Error(model) that names the key.

/// The taps of a convolution: 2 to kernels::kMaxTaps.
int64_t read_taps(const files::ModelConfig &config, const std::string &key);
/// A size of at most `most`.
int64_t read_size_up_to(const files::ModelConfig &config, const std::string &key, int64_t most);
/// A number, or "auto": ceil(hidden_size / 16).
int64_t read_time_step_rank(const files::ModelConfig &config, const std::string &key);
/// Mixers know no activation but silu.
void require_silu(const files::ModelConfig &config, const std::string &key);
/// The keys mamba_* of Bamba, Falcon-H1 and Granite; `inner_key` names what mamba_n_heads * mamba_d_head must be.
Mamba2Description read_mamba2(const files::ModelConfig &config, int64_t inner, const std::string &inner_key);
/// layer_types: for each layer whether its mixer has a state; `state` lists the names of those that have, the others are
/// full_attention or attention. Where it is absent, what `otherwise` says of each layer.
std::vector<bool> read_state_layers(const files::ModelConfig &config, size_t layers,
                                    const std::vector<std::string> &state,
                                    const std::function<bool(size_t layer)> &otherwise);

}  // namespace kvern::models
