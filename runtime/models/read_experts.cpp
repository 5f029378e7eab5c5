// Sizes of mixtures, checked where they contradict each other.
#include "runtime/models/read_experts.hpp"

namespace kvern::models {
namespace {

std::string count(int64_t n, const std::string &key) { return key + " (" + std::to_string(n) + ")"; }

}  // namespace

ExpertsDescription describe_experts(const files::ModelConfig &config, const ExpertKeys &keys,
                                    const MlpDescription &mlp) {
  ExpertsDescription d;
  d.residual = mlp.residual;
  d.activation.activation = mlp.activation;
  d.intermediate_size = config.size(keys.width);
  d.routing.experts = config.size(keys.experts);
  d.routing.top_k = config.size(keys.per_token);
  if (d.routing.experts > kernels::kMaxExperts) {
    config.fail(keys.experts, std::to_string(d.routing.experts) + " experts are more than the " +
                                  std::to_string(kernels::kMaxExperts) + " supported");
  }
  if (d.routing.top_k > d.routing.experts) {
    config.fail(keys.per_token, std::to_string(d.routing.top_k) + " should be at most " +
                                    count(d.routing.experts, keys.experts));
  }
  d.names = {"mlp.gate", "mlp.experts", "gate_proj", "up_proj", "down_proj", "", "", ""};
  return d;
}

void read_groups(const files::ModelConfig &config, const ExpertKeys &keys, kernels::GroupScore score,
                 kernels::Routing &routing) {
  routing.group_score = score;
  routing.groups = config.size("n_group");
  routing.top_groups = config.size("topk_group");
  if (routing.experts % routing.groups != 0) {
    config.fail("n_group",
                std::to_string(routing.groups) + " should divide " + count(routing.experts, keys.experts));
  }
  if (routing.top_groups > routing.groups) {
    config.fail("topk_group", std::to_string(routing.top_groups) + " should be at most " +
                                  count(routing.groups, "n_group"));
  }
  const int64_t left = routing.top_groups * (routing.experts / routing.groups);
  if (routing.top_k > left) {
    config.fail(keys.per_token, std::to_string(routing.top_k) + " should be at most " + std::to_string(left) +
                                    ", the experts of topk_group (" + std::to_string(routing.top_groups) +
                                    ") groups");
  }
}

std::vector<bool> read_sparse_layers(const files::ModelConfig &config, size_t layers) {
  const auto step = static_cast<size_t>(config.size("decoder_sparse_step"));
  std::vector<bool> sparse(layers);
  for (size_t i = 0; i < layers; ++i) sparse[i] = (i + 1) % step == 0;
  if (!config.has("mlp_only_layers")) return sparse;
  for (const int64_t i : config.integers("mlp_only_layers"))
    if (i >= 0 && static_cast<size_t>(i) < layers) sparse[static_cast<size_t>(i)] = false;
  return sparse;
}

}  // namespace kvern::models
