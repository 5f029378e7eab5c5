// The table of families, and what their files share: reading the keys that mean the same in all of them.
#pragma once
#include <string>
#include <vector>

#include "runtime/files/model_config.hpp"
#include "runtime/models/decoder_config.hpp"

namespace kvern::models {

/// One family: a function from config.json to a description. Throws Error(model) for keys it cannot honour.
struct Family {
  std::string model_type;                  ///< "llama"
  std::vector<std::string> architectures;  ///< "LlamaForCausalLM", and the bare model without its head
  DecoderDescription (*describe)(const files::ModelConfig &config);
};

const std::vector<Family> &families();

/// The family of the first architecture that is known, or, where config.json names none, of the model_type.
/// nullptr if there is none.
const Family *known_family(const files::ModelConfig &config);

/// The same; throws Error(model) that names the file, the architecture, the known ones and the nearest.
const Family &find_family(const files::ModelConfig &config);

DecoderDescription describe_gpt2(const files::ModelConfig &config);
DecoderDescription describe_llama(const files::ModelConfig &config);
DecoderDescription describe_mistral(const files::ModelConfig &config);
DecoderDescription describe_phi(const files::ModelConfig &config);
DecoderDescription describe_phi3(const files::ModelConfig &config);
DecoderDescription describe_qwen2(const files::ModelConfig &config);

/// The keys of transformers' Llama and of all families that follow it: sizes, heads, norm, activation,
/// rotation, tied or own head; every layer sees all positions. Names as Llama's, no bias anywhere.
DecoderDescription describe_llama_like(const files::ModelConfig &config,
                                       const files::RopeDefaults &rope = {});

/// The activation of `key`, by transformers' names.
kernels::Activation read_activation(const files::ModelConfig &config, const std::string &key,
                                    const std::string &otherwise);

/// The rotation in force, from what config.json says; checks that the numbers fit the head.
RopeConfig read_rope(const files::ModelConfig &config, int64_t head_dim,
                     const files::RopeDefaults &defaults = {});

/// A window's size, 0 = none. transformers gives an absent key its own default, and null means none.
int64_t read_window(const files::ModelConfig &config, const std::string &key, int64_t otherwise);

/// The number of layers, within what is sane.
int64_t read_layer_count(const files::ModelConfig &config, const std::string &key);

}  // namespace kvern::models
