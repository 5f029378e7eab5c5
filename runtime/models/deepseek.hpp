// What the DeepSeek families share: latent attention, dense layers first and mixtures of experts with shared ones behind them.
#pragma once
#include "runtime/models/read_experts.hpp"

namespace kvern::models {

/// Latent attention in all layers; experts from first_k_dense_replace on, whose routing the family completes. Throws Error(model)
/// for sizes that contradict each other.
DecoderDescription describe_deepseek(const files::ModelConfig &config, bool interleaved_rope);

/// The keys of its experts.
ExpertKeys deepseek_expert_keys();

}  // namespace kvern::models
