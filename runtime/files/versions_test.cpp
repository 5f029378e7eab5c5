// The same models' files as transformers 4.47.1 and 5.23.0 wrote them (tests/reference/files).
#include <cstdlib>
#include <filesystem>

#include "runtime/files/model_config.hpp"
#include "runtime/files/mapped_file.hpp"
#include "tests/support/test.hpp"

using namespace kvern::files;

namespace {

std::filesystem::path reference(const std::string &model) {
  const char *source = std::getenv("KVERN_SOURCE_DIR");
  return std::filesystem::path(source == nullptr ? "." : source) / "tests/reference/files" / model;
}

ModelConfig config_of(const std::string &model, const std::string &version) {
  const std::filesystem::path path = reference(model) / ("config_" + version + ".json");
  return ModelConfig::parse(MappedFile(path).text(), path.string());
}

}  // namespace

TEST_CASE("A model's configuration means the same whichever version wrote it") {
  for (const std::string model :
       {"gpt2", "gpt_neox", "llama_dynamic", "llama_llama3", "phi", "phi3_longrope", "qwen2_defaults"}) {
    INFO(model);
    const ModelConfig four = config_of(model, "4"), five = config_of(model, "5");
    CHECK(four.model_type == five.model_type);
    CHECK(four.architectures == five.architectures);
    CHECK(four.dtype == Dtype::f32);
    CHECK(five.dtype == Dtype::f32);
    CHECK(four.eos_token_id == five.eos_token_id);
    CHECK(four.pad_token_id == five.pad_token_id);
    const RopeParameters a = four.rope(), b = five.rope();
    CHECK(rope_type_name(a.type) == rope_type_name(b.type));
    CHECK(a.theta == b.theta);
    CHECK(a.partial_rotary_factor == b.partial_rotary_factor);
    CHECK(a.factor == b.factor);
    CHECK(a.original_max_position_embeddings == b.original_max_position_embeddings);
    CHECK(a.low_freq_factor == b.low_freq_factor);
    CHECK(a.high_freq_factor == b.high_freq_factor);
    CHECK(a.short_factor == b.short_factor);
    CHECK(a.long_factor == b.long_factor);
  }
}

TEST_CASE("Rotary parameters of real files are what they say") {
  CHECK(config_of("phi", "5").rope().partial_rotary_factor == 0.5);
  CHECK(config_of("gpt_neox", "4").rope().partial_rotary_factor == 0.25);
  CHECK(config_of("llama_llama3", "4").rope().theta == 500.0);
  CHECK(config_of("llama_dynamic", "5").rope().type == RopeType::dynamic);
  const RopeParameters longrope = config_of("phi3_longrope", "5").rope();
  CHECK(longrope.type == RopeType::longrope);
  CHECK(longrope.factor == 4.0);
  CHECK(longrope.long_factor.size() == 8);
}
