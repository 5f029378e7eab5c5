#include "runtime/files/model_config.hpp"

#include <fstream>

#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::files::Dtype;
using kvern::files::ModelConfig;
using kvern::test::TemporaryFolder;

namespace {

ModelConfig parsed(const std::string &fields) {
  return ModelConfig::parse("{\"model_type\": \"llama\"" + fields + "}", "config.json");
}

template <class Call>
std::string refusal(Call call) {
  return kvern::test::error_text(kvern::ErrorKind::model, call);
}

}  // namespace

TEST_CASE("The keys of all families are read, and the family's own by name") {
  const ModelConfig config = parsed(
      R"(, "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "torch_dtype": "bfloat16", "bos_token_id": 1,
         "eos_token_id": [2, 7], "pad_token_id": null)");
  CHECK(config.model_type == "llama");
  CHECK(config.architectures == std::vector<std::string>{"LlamaForCausalLM"});
  CHECK(config.dtype == Dtype::bf16);
  CHECK(config.bos_token_id == std::vector<int64_t>{1});
  CHECK(config.eos_token_id == std::vector<int64_t>{2, 7});
  CHECK(config.pad_token_id.empty());
  CHECK(config.size("hidden_size") == 64);
}

TEST_CASE("The weights' type has two names, of which the newer one counts") {
  CHECK(parsed(R"(, "dtype": "float16")").dtype == Dtype::f16);
  CHECK(parsed(R"(, "dtype": "float16", "torch_dtype": "float32")").dtype == Dtype::f16);
  CHECK(parsed(R"(, "torch_dtype": "torch.float32")").dtype == Dtype::f32);
  CHECK_FALSE(parsed(R"(, "torch_dtype": "auto")").dtype);
  CHECK_FALSE(parsed("").dtype);
  CHECK(refusal([] { parsed(R"(, "torch_dtype": "flaot32")"); }) ==
        "config.json: torch_dtype: the type 'flaot32' is unknown; usual are float32, bfloat16, float16; did "
        "you mean "
        "'float32'?");
}

TEST_CASE("A padding id below 0 means that there is none") {
  CHECK(parsed(R"(, "pad_token_id": -1)").pad_token_id.empty());
  CHECK(parsed(R"(, "pad_token_id": 0)").pad_token_id == std::vector<int64_t>{0});
}

TEST_CASE("A config.json without a model type is refused") {
  CHECK(refusal([] { ModelConfig::parse("{}", "config.json"); }) == "config.json: model_type: is missing");
  CHECK(refusal([] { ModelConfig::parse(R"({"model_type": ""})", "config.json"); }) ==
        "config.json: model_type: is empty; it should name the family, as 'llama'");
  CHECK(refusal([] { parsed(R"(, "architectures": "LlamaForCausalLM")"); }) ==
        "config.json: architectures: expected a list of strings, found a string");
}

TEST_CASE("A folder without config.json is refused") {
  const TemporaryFolder folder;
  CHECK(refusal([&] { ModelConfig::read(folder.path()); }) ==
        folder.path().string() +
            ": has no config.json; a model is a Hugging Face folder with config.json, model.safetensors and "
            "tokenizer.json");
  std::filesystem::create_directory(folder / "config.json");
  CHECK(refusal([&] { ModelConfig::read(folder.path()); }) ==
        (folder / "config.json").string() + ": is a directory; a regular file is required");
}
