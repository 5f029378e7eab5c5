#include "runtime/files/model_config.hpp"

#include <fstream>

#include "runtime/files/generation_config.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::files::Dtype;
using kvern::files::GenerationConfig;
using kvern::files::ModelConfig;
using kvern::files::parse_generation_config;
using kvern::files::read_generation_config;
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

TEST_CASE("Generation settings are read by their types; unknown ones are skipped") {
  const GenerationConfig config = parse_generation_config(
      R"({"do_sample": true, "temperature": 0.8, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1, "max_length": 48,
          "max_new_tokens": 18, "eos_token_id": [2, 7], "pad_token_id": 0, "bos_token_id": 1, "use_cache": false,
          "cache_implementation": "hybrid", "num_beams": 2, "suppress_tokens": [1, 2], "forced_eos_token_id": 2,
          "transformers_version": "4.47.1", "lang_to_id": {"<|de|>": 202}, "min_p": null})",
      "generation_config.json");
  CHECK(config.do_sample == true);
  CHECK(config.temperature == 0.8);
  CHECK(config.top_k == 20);
  CHECK(config.top_p == 0.9);
  CHECK_FALSE(config.min_p);
  CHECK(config.repetition_penalty == 1.0);
  CHECK(config.max_length == 48);
  CHECK(config.max_new_tokens == 18);
  CHECK(config.eos_token_id == std::vector<int64_t>{2, 7});
  CHECK(config.pad_token_id == 0);
  CHECK(config.bos_token_id == 1);
  CHECK(config.use_cache == false);
  CHECK(config.cache_implementation == "hybrid");
  CHECK(config.num_beams == 2);
  CHECK(config.suppress_tokens == std::vector<int64_t>{1, 2});
  CHECK(config.forced_eos_token_id == std::vector<int64_t>{2});
  CHECK_FALSE(config.num_return_sequences);
}

TEST_CASE("A generation setting of a wrong type is refused") {
  const auto refused = [](const std::string &text) {
    return refusal([&] { parse_generation_config(text, "generation_config.json"); });
  };
  CHECK(refused(R"({"temperature": "0.7"})") ==
        "generation_config.json: temperature: expected a number, found a string");
  CHECK(refused(R"({"do_sample": 1})") ==
        "generation_config.json: do_sample: expected true or false, found the integer 1");
  CHECK(refused(R"({"eos_token_id": "</s>"})") ==
        "generation_config.json: eos_token_id: expected an integer or a list of integers, found a string");
}

TEST_CASE("generation_config.json decides alone about the end of a text; without it config.json does") {
  const TemporaryFolder folder;
  const ModelConfig config = parsed(R"(, "eos_token_id": 2, "max_length": 99)");
  CHECK(read_generation_config(folder.path(), config).eos_token_id == std::vector<int64_t>{2});
  CHECK(read_generation_config(folder.path(), config).max_length == 99);
  std::ofstream(folder / "generation_config.json") << R"({"bos_token_id": 1})";
  CHECK(read_generation_config(folder.path(), config).eos_token_id.empty());
  CHECK_FALSE(read_generation_config(folder.path(), config).max_length);
  std::ofstream(folder / "generation_config.json") << R"({"eos_token_id": 7})";
  CHECK(read_generation_config(folder.path(), config).eos_token_id == std::vector<int64_t>{7});
}
