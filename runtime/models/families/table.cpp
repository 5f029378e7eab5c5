// Which families there are. A new one is a file beside this and a line here.
#include <algorithm>
#include <kvern/error.hpp>

#include "runtime/models/families/family.hpp"

namespace kvern::models {

const std::vector<Family> &families() {
  static const std::vector<Family> table = {
      {"gpt2", {"GPT2LMHeadModel", "GPT2Model"}, describe_gpt2},
      {"llama", {"LlamaForCausalLM", "LlamaModel"}, describe_llama},
      {"mistral", {"MistralForCausalLM", "MistralModel"}, describe_mistral},
      {"phi", {"PhiForCausalLM", "PhiModel"}, describe_phi},
      {"phi3", {"Phi3ForCausalLM", "Phi3Model"}, describe_phi3},
      {"qwen2", {"Qwen2ForCausalLM", "Qwen2Model"}, describe_qwen2},
  };
  return table;
}

namespace {

[[noreturn]] void refuse(const files::ModelConfig &config, const char *key, const std::string &what,
                         const std::string &name, const std::vector<std::string> &known) {
  std::string list;
  for (const std::string &k : known) list += (list.empty() ? "" : ", ") + k;
  config.fail(key,
              "the " + what + " '" + name + "' is unknown; known are " + list + did_you_mean(name, known));
}

const Family *by_architecture(const std::string &name) {
  for (const Family &family : families()) {
    const auto &names = family.architectures;
    if (std::find(names.begin(), names.end(), name) != names.end()) return &family;
  }
  return nullptr;
}

}  // namespace

const Family *known_family(const files::ModelConfig &config) {
  for (const std::string &name : config.architectures) {
    if (const Family *family = by_architecture(name)) return family;
  }
  if (!config.architectures.empty()) return nullptr;
  for (const Family &family : families()) {
    if (family.model_type == config.model_type) return &family;
  }
  return nullptr;
}

const Family &find_family(const files::ModelConfig &config) {
  if (const Family *family = known_family(config)) return *family;
  std::vector<std::string> architectures, types;
  for (const Family &family : families()) {
    types.push_back(family.model_type);
    architectures.push_back(family.architectures.front());
  }
  if (config.architectures.empty()) refuse(config, "model_type", "model type", config.model_type, types);
  refuse(config, "architectures", "architecture", config.architectures.front(), architectures);
}

}  // namespace kvern::models
