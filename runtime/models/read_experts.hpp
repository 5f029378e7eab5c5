// Keys of config.json about mixtures of experts that mean the same in several families.
#pragma once
#include <string>
#include <vector>

#include "runtime/models/family.hpp"

namespace kvern::models {

/// What a family calls them.
struct ExpertKeys {
  std::string experts = "num_experts", per_token = "num_experts_per_tok", width = "moe_intermediate_size";
};

/// Softmax over all experts, the experts one by one under mlp.experts, activation and what surrounds them as the MLP's. Throws
/// Error(model) that names the key where a token has more experts than there are, or a gated activation cannot be computed.
ExpertsDescription describe_experts(const files::ModelConfig &config, const ExpertKeys &keys,
                                    const MlpDescription &mlp);

/// Groups of experts (DeepSeek): n_group equal groups, of which topk_group stay. Throws Error(model) for groups that are not
/// equal, or hold fewer experts than a token has.
void read_groups(const files::ModelConfig &config, const ExpertKeys &keys, kernels::GroupScore score,
                 kernels::Routing &routing);

/// Qwen's rule: layer i has experts unless mlp_only_layers lists it or decoder_sparse_step does not divide i + 1.
std::vector<bool> read_sparse_layers(const files::ModelConfig &config, size_t layers);

}  // namespace kvern::models
