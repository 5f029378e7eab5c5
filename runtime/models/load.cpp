// The order in which a folder is looked at: config.json first, so that a wrong model is told before its
// weights are.
#include "runtime/models/load.hpp"

#include "runtime/files/model_config.hpp"
#include "runtime/files/weights.hpp"
#include "runtime/models/decoder.hpp"
#include "runtime/models/families/family.hpp"

namespace kvern {

std::unique_ptr<Model> load_model(const std::filesystem::path &folder, const LoadOptions &options) {
  const files::ModelConfig config = files::ModelConfig::read(folder);
  const models::DecoderDescription description = models::find_family(config).describe(config);
  const files::Weights weights = files::Weights::open(folder);
  weights.prefetch();
  return std::make_unique<models::Decoder>(description, models::WeightReader(weights, options.dtype));
}

bool knows_architecture(const std::filesystem::path &folder) {
  return models::known_family(files::ModelConfig::read(folder)) != nullptr;
}

}  // namespace kvern
