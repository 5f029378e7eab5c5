// The keys that every family shares; the rest is read by JsonObject's getters.
#include "runtime/files/model_config.hpp"

#include <kvern/error.hpp>

#include "runtime/files/model_folder.hpp"
#include "runtime/files/quantized_checkpoint.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::files {
namespace {

std::optional<Dtype> read_dtype(const JsonObject &config) {
  const char *key = config.has("dtype") ? "dtype" : "torch_dtype";
  if (!config.has(key)) return std::nullopt;
  std::string name = config.string(key);
  if (name == "auto") return std::nullopt;
  if (name.rfind("torch.", 0) == 0) name = name.substr(6);
  const auto dtype = dtype_from_torch_name(name);
  if (dtype) return dtype;
  config.fail(key, "the type " + in_quotes(name) + " is unknown; usual are float32, bfloat16, float16" +
                       did_you_mean(name, {"float32", "bfloat16", "float16"}));
}

// Some old files write -1 for "there is none".
std::vector<int64_t> read_pad(const JsonObject &config) {
  std::vector<int64_t> ids = config.integer_or_list("pad_token_id");
  if (ids.size() == 1 && ids[0] < 0) ids.clear();
  return ids;
}

}  // namespace

ModelConfig::ModelConfig(JsonObject object)
    : JsonObject(std::move(object)),
      model_type(string("model_type")),
      architectures(has("architectures") ? strings("architectures") : std::vector<std::string>{}),
      dtype(read_dtype(*this)),
      bos_token_id(integer_or_list("bos_token_id")),
      eos_token_id(integer_or_list("eos_token_id")),
      pad_token_id(read_pad(*this)),
      quantization(read_quantization(*this)) {
  if (model_type.empty()) fail("model_type", "is empty; it should name the family, as 'llama'");
}

ModelConfig ModelConfig::read(const std::filesystem::path &folder) {
  require_model_folder(folder);
  const std::filesystem::path path = folder / "config.json";
  if (!is_present(path)) refuse_without_config(folder);
  return ModelConfig(JsonObject::read(path));
}

ModelConfig ModelConfig::parse(std::string_view text, const std::string &place) {
  return ModelConfig(JsonObject::parse(text, place));
}

}  // namespace kvern::files
