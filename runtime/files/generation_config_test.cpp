#include "runtime/files/generation_config.hpp"

#include <cstdlib>
#include <fstream>
#include <kvern/generation.hpp>

#include "runtime/files/mapped_file.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::files::GenerationFile;
using kvern::files::ModelConfig;
using kvern::test::TemporaryFolder;

namespace {

namespace option = kvern::option;

ModelConfig parsed(const std::string &fields) {
  return ModelConfig::parse("{\"model_type\": \"llama\"" + fields + "}", "config.json");
}

template <class Call>
std::string refusal(Call call) {
  return kvern::test::error_text(kvern::ErrorKind::model, call);
}

GenerationFile generation_of(const std::string &text) {
  return kvern::files::parse_generation_config(text, "generation_config.json", kvern::generation_options());
}

GenerationFile generation_in(const TemporaryFolder &folder, const ModelConfig &config) {
  return kvern::files::read_generation_config(folder.path(), config, kvern::generation_options());
}

/// A file that transformers wrote.
std::string text_of(const std::string &name) {
  const char *source = std::getenv("KVERN_SOURCE_DIR");
  const std::filesystem::path folder = source == nullptr ? "." : source;
  return std::string(kvern::files::MappedFile(folder / "tests/reference/files/qwen2_defaults" / name).text());
}

}  // namespace

TEST_CASE("Generation settings are read by their types") {
  const auto config = generation_of(
                          R"({"do_sample": true, "temperature": 1, "max_length": 48, "max_new_tokens": 18,
                              "eos_token_id": [2, 7], "pad_token_id": 0, "bos_token_id": 1, "use_cache": false})")
                          .options;
  CHECK(config.get(option::do_sample));
  CHECK(config.get(option::temperature) == 1.0);
  CHECK(config.get(option::max_length) == 48);
  CHECK(config.get(option::max_new_tokens) == 18);
  CHECK(config.get(option::eos_token_id) == std::vector<int64_t>{2, 7});
  CHECK(config.get(option::pad_token_id) == 0);
  CHECK(config.get(option::bos_token_id) == 1);
  CHECK_FALSE(config.get(option::use_cache));
  CHECK_FALSE(config.is_set(option::num_return_sequences));
  CHECK(config.find(option::do_sample)->source == kvern::OptionSource::model);
  CHECK(config.find(option::do_sample)->place == "generation_config.json");
}

TEST_CASE("Old files write -1 where there is no such token") {
  const auto config = generation_of(R"({"pad_token_id": -1, "eos_token_id": -1})").options;
  CHECK_FALSE(config.get(option::pad_token_id));
  CHECK(config.get(option::eos_token_id).empty());
}

TEST_CASE("Keys of generation_config.json that nothing uses are listed, but for those that ask for nothing") {
  const auto file = generation_of(
      R"({"_from_model_config": true, "transformers_version": "4.47.1", "min_p": null, "num_beam_groups": 1,
          "output_scores": false, "lang_to_id": {"<|de|>": 202}, "watermarking_config": {"bias": 2.5},
          "do_sample": false, "cache_implementation": "static", "cache_config": {"max_cache_len": 9}})");
  CHECK(file.not_used == std::vector<std::string>{"lang_to_id", "watermarking_config"});
  CHECK(file.cache_implementation == "static");
  REQUIRE(file.cache_config.size() == 1);
  CHECK(std::get<int64_t>(file.cache_config[0].second.value) == 9);
  CHECK(generation_of(R"({"token_healing": true})").not_used == std::vector<std::string>{"token_healing"});
}

TEST_CASE("A generation setting of a wrong type is refused") {
  const auto refused = [](const std::string &text) { return refusal([&] { generation_of(text); }); };
  CHECK(refused(R"({"temperature": "0.7"})") ==
        "generation_config.json: temperature: expected a number of 0 or more, found the string '0.7'");
  CHECK(refused(R"({"do_sample": 1})") ==
        "generation_config.json: do_sample: expected true or false, found the integer 1");
  CHECK(refused(R"({"eos_token_id": "</s>"})") ==
        "generation_config.json: eos_token_id: expected an integer of 0 or more, or a list of such, found "
        "the string "
        "'</s>'");
  CHECK(refused(R"({"max_new_tokens": 9223372036854775808})") ==
        "generation_config.json: max_new_tokens: expected an integer of 1 or more, or \"none\", found the "
        "number 9.22337e+18");
}

TEST_CASE("generation_config.json decides alone about the end of a text; without it config.json does") {
  const TemporaryFolder folder;
  const ModelConfig config = parsed(R"(, "eos_token_id": 2, "max_length": 99)");
  CHECK(generation_in(folder, config).options.get(option::eos_token_id) == std::vector<int64_t>{2});
  CHECK(generation_in(folder, config).options.get(option::max_length) == 99);
  std::ofstream(folder / "generation_config.json") << R"({"bos_token_id": 1})";
  CHECK(generation_in(folder, config).options.get(option::eos_token_id).empty());
  CHECK_FALSE(generation_in(folder, config).options.is_set(option::max_length));
  std::ofstream(folder / "generation_config.json") << R"({"eos_token_id": 7})";
  CHECK(generation_in(folder, config).options.get(option::eos_token_id) == std::vector<int64_t>{7});
}

TEST_CASE("Generation settings mean the same whichever version wrote them") {
  for (const char *version : {"4", "5"}) {
    const auto config = generation_of(text_of(std::string("generation_config_") + version + ".json")).options;
    CHECK(config.get(option::eos_token_id) == std::vector<int64_t>{2, 7});
    CHECK(config.get(option::max_new_tokens) == 18);
    CHECK(config.get(option::do_sample));
    CHECK(config.get(option::temperature) == 0.8);
  }
}
