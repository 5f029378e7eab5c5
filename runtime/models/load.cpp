// The order in which a folder is read: the family of config.json first, so that an unknown model is reported before its
// weights are opened.
#include "runtime/models/load.hpp"

#include "runtime/files/model_config.hpp"
#include "runtime/files/weights.hpp"
#include "runtime/models/family.hpp"

namespace kvern {

void require_unquantized(const files::ModelConfig &config) {
  if (!config.quantization) return;
  config.fail("quantization_config",
              "the weights are quantized already (" + config.quantization.text() +
                  "): leave weights.bits, weights.head_bits and weights.embedding_bits away, or "
                  "take the model that this one was made from");
}

std::unique_ptr<Model> load_model(const std::filesystem::path &folder, const LoadOptions &options) {
  const files::ModelConfig file = files::ModelConfig::read(folder);
  const models::Family &family = models::find_family(file);
  const files::ModelConfig config = models::with_defaults(file, family);
  if (options.packing.asks()) require_unquantized(config);
  const files::Weights weights = files::Weights::open(folder);
  weights.prefetch();
  models::WeightReader reader(weights, options.dtype, options.queue ? *options.queue : cpu_queue());
  reader.set_packing(options.packing, config.quantization, options.record);
  return family.build(config, {reader, options.allow_beyond_context});
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
