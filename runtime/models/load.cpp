// The order in which a folder is looked at: config.json first, so that a wrong model is told before its
// weights are.
#include "runtime/models/load.hpp"

#include "runtime/files/model_config.hpp"
#include "runtime/files/weights.hpp"
#include "runtime/models/decoder.hpp"
#include "runtime/models/family.hpp"

namespace kvern {

std::unique_ptr<Model> load_model(const std::filesystem::path &folder, const LoadOptions &options) {
  const files::ModelConfig file = files::ModelConfig::read(folder);
  const models::Family &family = models::find_family(file);
  models::DecoderDescription description = family.describe(models::with_defaults(file, family));
  if (options.allow_beyond_context && description.config.learned_positions == 0) description.config.max_positions = 0;
  const files::Weights weights = files::Weights::open(folder);
  weights.prefetch();
  return std::make_unique<models::Decoder>(description, models::WeightReader(weights, options.dtype));
}

files::ModelConfig read_model_config(const std::filesystem::path &folder) {
  const files::ModelConfig config = files::ModelConfig::read(folder);
  const models::Family *family = models::known_family(config);
  return family == nullptr ? config : models::with_defaults(config, *family);
}

bool knows_architecture(const std::filesystem::path &folder) {
  return models::known_family(files::ModelConfig::read(folder)) != nullptr;
}

}  // namespace kvern
