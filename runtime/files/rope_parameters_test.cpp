#include "runtime/files/rope_parameters.hpp"

#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using kvern::files::JsonObject;
using kvern::files::read_rope_parameters;
using kvern::files::RopeParameters;
using kvern::files::RopeType;

namespace {

RopeParameters rope(const std::string &text, const std::string &layer_type = "") {
  return read_rope_parameters(JsonObject::parse(text, "config.json"), {}, layer_type);
}

std::string refusal(const std::string &text, const std::string &layer_type = "") {
  return kvern::test::error_text(kvern::ErrorKind::model, [&] { rope(text, layer_type); });
}

}  // namespace

TEST_CASE("Without any word of rotation the family's defaults count") {
  const RopeParameters out = read_rope_parameters(JsonObject::parse("{}", "c"), {500.0, 0.5});
  CHECK(out.type == RopeType::standard);
  CHECK(out.theta == 500.0);
  CHECK(out.partial_rotary_factor == 0.5);
}

TEST_CASE("Both versions' spellings mean the same") {
  for (
      const char *text :
      {R"({"rope_theta": 500000.0, "partial_rotary_factor": 0.5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
            "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}})",
       R"({"rope_parameters": {"rope_theta": 500000, "partial_rotary_factor": 0.5, "rope_type": "llama3", "factor": 8,
            "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 32}})"}) {
    const RopeParameters out = rope(text);
    CHECK(out.type == RopeType::llama3);
    CHECK(out.theta == 500000.0);
    CHECK(out.partial_rotary_factor == 0.5);
    CHECK(out.factor == 8.0);
    CHECK(out.low_freq_factor == 1.0);
    CHECK(out.high_freq_factor == 4.0);
    CHECK(out.original_max_position_embeddings == 32);
  }
}

TEST_CASE("Linear and dynamic scaling have a factor; the type's key may be the old one") {
  CHECK(rope(R"({"rope_scaling": {"type": "linear", "factor": 4.0}})").type == RopeType::linear);
  const RopeParameters out =
      rope(R"({"rope_scaling": {"rope_type": "dynamic", "factor": 2}, "rope_theta": 100})");
  CHECK(out.type == RopeType::dynamic);
  CHECK(out.factor == 2.0);
  CHECK(out.theta == 100.0);
}

TEST_CASE("GPT-NeoX's names are known") {
  const RopeParameters out = rope(R"({"rotary_pct": 0.25, "rotary_emb_base": 5000})");
  CHECK(out.partial_rotary_factor == 0.25);
  CHECK(out.theta == 5000.0);
}

TEST_CASE("longrope keeps its factors, and derives the stretch where it is not given") {
  const RopeParameters out = rope(
      R"({"max_position_embeddings": 128, "original_max_position_embeddings": 32,
          "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.5], "long_factor": [2, 4]}})");
  CHECK(out.type == RopeType::longrope);
  CHECK(out.short_factor == std::vector<double>{1.0, 1.5});
  CHECK(out.long_factor == std::vector<double>{2.0, 4.0});
  CHECK(out.original_max_position_embeddings == 32);
  CHECK(out.factor == 4.0);
}

TEST_CASE("Phi-3's old names of longrope are known") {
  const std::string rest = R"("short_factor": [1], "long_factor": [2]}, "max_position_embeddings": 8})";
  CHECK(rope(R"({"rope_scaling": {"type": "su", )" + rest).type == RopeType::longrope);
  CHECK(rope(R"({"rope_scaling": {"type": "yarn", )" + rest).type == RopeType::longrope);
}

TEST_CASE("yarn has its betas, by default 32 and 1") {
  const RopeParameters plain =
      rope(R"({"max_position_embeddings": 64, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}})");
  CHECK(plain.type == RopeType::yarn);
  CHECK(plain.beta_fast == 32.0);
  CHECK(plain.beta_slow == 1.0);
  CHECK(plain.truncate);
  CHECK(plain.original_max_position_embeddings == 64);
  const RopeParameters full = rope(
      R"({"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 16, "beta_slow": 2, "mscale": 0.7,
          "mscale_all_dim": 1.0, "attention_factor": 1.2, "truncate": false, "original_max_position_embeddings": 16}})");
  CHECK(full.beta_fast == 16.0);
  CHECK(full.beta_slow == 2.0);
  CHECK(full.mscale == 0.7);
  CHECK(full.mscale_all_dim == 1.0);
  CHECK(full.attention_factor == 1.2);
  CHECK_FALSE(full.truncate);
}

TEST_CASE("The length beside the rope object goes before the one inside") {
  CHECK(rope(R"({"max_position_embeddings": 128, "original_max_position_embeddings": 32, "rope_parameters":
               {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 64}})")
            .original_max_position_embeddings == 32);
}

TEST_CASE("Parameters by layer type are chosen by the layer's type") {
  const std::string text =
      R"({"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 1e6},
                               "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}})";
  CHECK(rope(text, "full_attention").theta == 1e6);
  CHECK(rope(text, "full_attention").type == RopeType::linear);
  CHECK(rope(text, "sliding_attention").theta == 1e4);
  CHECK(refusal(text, "chunked_attention") ==
        "config.json: rope_parameters.chunked_attention: is missing; did you mean 'full_attention'?");
  CHECK(refusal(text) ==
        "config.json: rope_parameters: has one object per layer type; this model should have one for all "
        "layers");
}

TEST_CASE("An unknown type is refused with the known ones") {
  CHECK(refusal(R"({"rope_scaling": {"rope_type": "yam", "factor": 2}})") ==
        "config.json: rope_scaling.rope_type: the type 'yam' is unknown; known are default, linear, dynamic, "
        "yarn, "
        "longrope, llama3; did you mean 'yarn'?");
}

TEST_CASE("A missing or impossible value is refused") {
  CHECK(refusal(R"({"rope_scaling": {"rope_type": "linear"}})") ==
        "config.json: rope_scaling.factor: is missing");
  CHECK(refusal(R"({"rope_scaling": {"rope_type": "linear", "factor": "2"}})") ==
        "config.json: rope_scaling.factor: expected a number, found a string");
  CHECK(refusal(R"({"rope_scaling": {"rope_type": "linear", "factor": 0}})") ==
        "config.json: rope_scaling.factor: expected a finite number above 0");
  CHECK(refusal(R"({"rope_theta": -1})") == "config.json: rope_theta: expected a finite number above 0");
  CHECK(refusal(R"({"rope_theta": Infinity})") ==
        "config.json: rope_theta: expected a finite number, found the number Infinity");
  CHECK(refusal(R"({"partial_rotary_factor": 1.5})") ==
        "config.json: partial_rotary_factor: should be at most 1");
  CHECK(refusal(R"({"rope_scaling": 2})") ==
        "config.json: rope_scaling: expected an object, found the integer 2");
  CHECK(
      refusal(
          R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}})") ==
      "config.json: max_position_embeddings: is missing");
  CHECK(refusal(R"({"max_position_embeddings": 8, "rope_scaling": {"rope_type": "llama3", "factor": 8,
                  "low_freq_factor": 4, "high_freq_factor": 4}})") ==
        "config.json: rope_scaling.high_freq_factor: should be above low_freq_factor");
  CHECK(refusal(R"({"max_position_embeddings": 8, "rope_scaling": {"type": "longrope", "short_factor": [1],
                  "long_factor": [1, 2]}})") ==
        "config.json: rope_scaling.long_factor: has 2 numbers, short_factor 1; both should have one per "
        "rotated pair");
}
