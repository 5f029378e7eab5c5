// The table of families, and what their files share: reading the keys that mean the same in all of them.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/files/model_config.hpp"
#include "runtime/models/build_decoder.hpp"

namespace kvern::models {

/// One family of models: a file of families/, found by its name (cmake/KvernCollect.cmake).
struct Family {
  const char *model_type;  ///< "llama"
  /// A JSON object: the keys that the family reads and that transformers' configuration class gives a value where
  /// config.json has none.
  const char *defaults;
  /// From config.json with those defaults to a running model. Throws Error(model) for keys it cannot honour, and what
  /// WeightReader::read throws.
  std::unique_ptr<Model> (*build)(const files::ModelConfig &config, const Loading &loading);
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
/// `activation_key`: what the family calls hidden_act. `rope_layer_type`: whose rotation all layers get where config.json has
/// one for each layer type.
DecoderDescription describe_llama_like(const files::ModelConfig &config,
                                       const std::string &activation_key = "hidden_act",
                                       const std::string &rope_layer_type = "");

/// The activation of `key`, by transformers' names.
kernels::Activation read_activation(const files::ModelConfig &config, const std::string &key);

/// The rotation in force, from what config.json says; checks that they fit the head.
RopeConfig read_rope(const files::ModelConfig &config, int64_t head_dim, const std::string &layer_type = "");

/// How many positions a model with this rotation is made for: max_position_embeddings, or what scaling stretches it to;
/// 0 = no limit (dynamic). transformers knows no limit at all where positions are computed.
int64_t context_length(const RopeConfig &rope);

/// A window's size, 0 = none.
int64_t read_window(const files::ModelConfig &config, const std::string &key);

/// The key layer_types, or where it is absent what `slides` says of each layer: "sliding_attention" or "full_attention".
std::vector<std::string> read_layer_types(const files::ModelConfig &config, int64_t layers,
                                          const std::function<bool(int64_t)> &slides);

/// Gives every layer this rotation.
void set_rope(RopeConfig rope, DecoderDescription &description);

/// Gives each layer of kind sliding_attention the window. Throws Error(model) for other kinds than that and full_attention.
void set_windows(const files::ModelConfig &config, int64_t window, const std::vector<std::string> &kinds,
                 DecoderDescription &description);

/// The number of layers, at most 4096.
int64_t read_layer_count(const files::ModelConfig &config, const std::string &key);

}  // namespace kvern::models
