// What a family assumes where config.json says nothing, against transformers' own configuration classes.
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/models/family.hpp"
#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using nlohmann::json;

namespace {

json transformers_defaults(const std::string &model_type) {
  const auto path = testing::source_folder() / "runtime/models/testing/defaults" / (model_type + ".json");
  INFO(path << " is written by make_defaults.py");
  std::ifstream file(path);
  REQUIRE(file);
  return json::parse(file);
}

// Follows from other keys: as many key heads as query heads, a head's share of the hidden size, the whole head rotated.
bool follows(const std::string &key, const json &value, const json &all) {
  if (key == "num_key_value_heads") return value == all.at("num_attention_heads");
  if (key == "head_dim" && all.contains("qk_rope_head_dim")) return value == all.at("qk_rope_head_dim");
  if (key == "qk_head_dim")
    return value == all.at("qk_nope_head_dim").get<int64_t>() + all.at("qk_rope_head_dim").get<int64_t>();
  if (key == "head_dim")
    return value == all.at("hidden_size").get<int64_t>() / all.at("num_attention_heads").get<int64_t>();
  if (key == "partial_rotary_factor") return value == 1.0;
  if (key == "intermediate_size" && all.contains("expand"))
    return value == all.at("expand").get<int64_t>() * all.at("hidden_size").get<int64_t>();
  if (key == "time_step_rank" || key == "mamba_dt_rank")
    return value == all.at("hidden_size").get<int64_t>() / 16;
  if (key == "num_decoder_layers") return value == all.at("num_layers");
  if (key == "scale_decoder_outputs") return value == all.at("tie_word_embeddings");
  return value == false;
}

files::ModelConfig read(const std::string &text) { return files::ModelConfig::parse(text, "config.json"); }

}  // namespace

TEST_CASE("Every family has the defaults of transformers' configuration class") {
  for (const models::Family *family : models::families()) {
    const json ours = json::parse(family->defaults);
    const json versions = transformers_defaults(family->model_type);
    for (const auto &[version, theirs] : versions.items()) {
      for (const auto &[key, value] : ours.items()) {
        INFO(family->model_type << " " << version << " " << key << ": " << value);
        CHECK(theirs.value(key, json(false)) == value);
      }
      for (const auto &[key, value] : theirs.items()) {
        INFO(family->model_type << " " << version << " " << key << ": " << value
                                << " is not among the defaults");
        CHECK((ours.contains(key) || follows(key, value, theirs)));
      }
    }
  }
}

TEST_CASE("A key that is null has its default, except where null means something else") {
  const models::Family &mistral = models::find_family(read(R"({"model_type": "mistral"})"));
  const auto filled = models::with_defaults(
      read(
          R"({"model_type": "mistral", "rms_norm_eps": null, "num_key_value_heads": null, "sliding_window": null,
               "eos_token_id": null})"),
      mistral);
  CHECK(filled.number("rms_norm_eps") == 1e-6);
  CHECK_FALSE(filled.has("num_key_value_heads"));
  CHECK_FALSE(filled.has("sliding_window"));
  CHECK(filled.eos_token_id.empty());
  CHECK(filled.bos_token_id == std::vector<int64_t>{1});
  const auto empty = models::with_defaults(read(R"({"model_type": "mistral"})"), mistral);
  CHECK(empty.size("num_key_value_heads") == 8);
  CHECK(empty.size("sliding_window") == 4096);
  CHECK(empty.eos_token_id == std::vector<int64_t>{2});
}

TEST_CASE("The model type decides the family, whatever architectures says") {
  CHECK(std::string(
            models::find_family(read(R"({"model_type": "mistral", "architectures": ["LlamaForCausalLM"]})"))
                .model_type) == "mistral");
  CHECK(std::string(
            models::find_family(read(R"({"model_type": "llama", "architectures": ["LLaMAForCausalLM"]})"))
                .model_type) == "llama");
}

TEST_CASE("Scaling of the rotation stretches the number of positions") {
  const auto positions = [](const std::string &scaling, int64_t most) {
    testing::TinyModel model(testing::reference_model("llama"));
    model.set("max_position_embeddings", std::to_string(most));
    model.set("rope_scaling", scaling);
    const test::TemporaryFolder folder;
    model.write(folder.path());
    return load_model(folder.path())->info().max_positions;
  };
  CHECK(positions("null", 64) == 64);
  CHECK(positions(R"({"rope_type": "linear", "factor": 4.0})", 64) == 256);
  CHECK(positions(R"({"rope_type": "linear", "factor": 0.5})", 64) == 64);
  CHECK(positions(R"({"rope_type": "dynamic", "factor": 4.0})", 64) == 0);
  CHECK(positions(R"({"rope_type": "yarn", "factor": 4.0})", 64) == 256);
  CHECK(positions(R"({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32})", 64) ==
        128);
  const std::string llama3 =
      R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                 "original_max_position_embeddings": 32})";
  CHECK(positions(llama3, 64) == 256);
  CHECK(positions(llama3, 1024) == 1024);
}

TEST_CASE("On request a model has no limit of positions, unless it has learned them") {
  LoadOptions options;
  options.allow_beyond_context = true;
  CHECK(load_model(testing::reference_model("llama"), options)->info().max_positions == 0);
  CHECK(load_model(testing::reference_model("gpt2"), options)->info().max_positions == 160);
}
