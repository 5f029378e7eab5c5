// config.json of a model folder as transformers 4 and 5 write it. What the keys of a family mean is the
// family's matter: this reads them with their types and knows the few that all families share.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/files/dtype.hpp"
#include "runtime/files/json.hpp"
#include "runtime/files/quantized_checkpoint.hpp"
#include "runtime/files/rope_parameters.hpp"

namespace kvern::files {

/// Immutable, cheap to copy. The getters of JsonObject read the family's own keys:
/// `config.size("hidden_size")`.
class ModelConfig : public JsonObject {
 public:
  /// Throws Error(model): the folder or the file is absent, the file is no JSON, a shared key has a wrong
  /// type, the checkpoint is quantized in a way that is not read.
  static ModelConfig read(const std::filesystem::path &folder);
  static ModelConfig parse(std::string_view text, const std::string &place);

  /// The same configuration with a family's defaults (JsonObject::with_defaults).
  ModelConfig with_defaults(const std::string &text, const std::vector<std::string> &nullable) const {
    return ModelConfig(JsonObject::with_defaults(text, nullable));
  }

  std::string model_type;                  ///< "llama"; never empty
  std::vector<std::string> architectures;  ///< {"LlamaForCausalLM"}; may be empty
  std::optional<Dtype> dtype;              ///< `dtype` or `torch_dtype`; none where absent or "auto"
  std::vector<int64_t> bos_token_id, eos_token_id, pad_token_id;  ///< empty where absent
  Quantization quantization;                                      ///< of the weights

  RopeParameters rope(const RopeDefaults &defaults = {}, const std::string &layer_type = "") const {
    return read_rope_parameters(*this, defaults, layer_type);
  }

 private:
  explicit ModelConfig(JsonObject object);
};

}  // namespace kvern::files
