// The table of families, and what their files share: reading the keys that mean the same in all of them.
#pragma once
#include <span>
#include <string>

#include "runtime/files/model_config.hpp"
#include "runtime/models/decoder_config.hpp"

namespace kvern::models {

/// One family of models: a file of families/, found by its name (cmake/KvernCollect.cmake).
struct Family {
  const char *model_type;  ///< "llama"
  /// A JSON object: the keys that the family reads and that transformers' configuration class gives a value where
  /// config.json has none.
  const char *defaults;
  /// From config.json with those defaults to a description. Throws Error(model) for keys it cannot honour.
  DecoderDescription (*describe)(const files::ModelConfig &config);
};

std::span<const Family *const> families();

/// The family of the model_type, whatever `architectures` says, as in transformers. nullptr if there is none.
const Family *known_family(const files::ModelConfig &config);

/// The same; throws Error(model) that names the file, the type, the known ones and the nearest.
const Family &find_family(const files::ModelConfig &config);

/// The configuration with the family's defaults.
files::ModelConfig with_defaults(const files::ModelConfig &config, const Family &family);

/// The keys of transformers' Llama and of all families that follow it: sizes, heads, norm, activation,
/// rotation, tied or own head; every layer sees all positions. Names as Llama's, no bias anywhere.
DecoderDescription describe_llama_like(const files::ModelConfig &config);

/// The activation of `key`, by transformers' names.
kernels::Activation read_activation(const files::ModelConfig &config, const std::string &key);

/// The rotation in force, from what config.json says; checks that the numbers fit the head.
RopeConfig read_rope(const files::ModelConfig &config, int64_t head_dim);

/// How many positions a model with this rotation is made for: max_position_embeddings, or what scaling stretches it to;
/// 0 = no limit (dynamic). transformers knows no limit at all where positions are computed.
int64_t context_length(const RopeConfig &rope);

/// A window's size, 0 = none.
int64_t read_window(const files::ModelConfig &config, const std::string &key);

/// The number of layers, within what is sane.
int64_t read_layer_count(const files::ModelConfig &config, const std::string &key);

}  // namespace kvern::models
