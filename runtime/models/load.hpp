// From a Hugging Face folder to a running model.
#pragma once
#include <filesystem>
#include <kvern/dtype.hpp>
#include <kvern/model.hpp>
#include <memory>
#include <optional>

#include "runtime/files/model_config.hpp"
#include "runtime/models/weight_reader.hpp"

namespace kvern {

struct LoadOptions {
  std::optional<Dtype>
      dtype;  ///< f32, bf16 or f16: weights of another type are converted; none = they stay mapped
  /// No limit of positions where they are computed; a table of learned positions stays one.
  bool allow_beyond_context = false;
  models::Packing packing = {};          ///< which matrices become packed
  models::ReadRecord *record = nullptr;  ///< what was read; nullable
  Queue *queue = nullptr;                ///< the device that computes; NULL: the CPU
};

/// Reads config.json and maps the weights of `folder`. Throws Error(model): a file is absent or wrong, the
/// model_type is unknown, packing is asked of weights that are quantized already, a tensor is missing or of another shape or type than config.json asks for.
/// Tensors that the model does not use are no error.
std::unique_ptr<Model> load_model(const std::filesystem::path &folder, const LoadOptions &options = {});

/// Throws Error(model) where the weights are quantized already: they cannot be packed.
void require_unquantized(const files::ModelConfig &config);

/// config.json of `folder` with the defaults of its family, as the configuration class of transformers has them. Throws
/// Error(model) if it cannot be read.
files::ModelConfig read_model_config(const std::filesystem::path &folder);

/// Does config.json of `folder` name a model type that load_model knows? Throws Error(model) if it cannot be read.
bool knows_architecture(const std::filesystem::path &folder);

}  // namespace kvern
