// Keys of config.json about recurrent mixers that are missing or contradict each other.
#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

/// The refusal of a reference model whose key has another value.
std::string refusal(const char *name, const char *key, const char *json) {
  testing::TinyModel model(testing::reference_model(name));
  model.set(key, json);
  const test::TemporaryFolder folder;
  model.write(folder.path());
  return test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
}

}  // namespace

TEST_CASE("Keys of Mamba that cannot be are refused by name") {
  CHECK_THAT(refusal("mamba", "conv_kernel", "1"),
             Catch::Contains("conv_kernel") && Catch::Contains("2 or more"));
  CHECK_THAT(refusal("mamba", "conv_kernel", "17"), Catch::Contains("conv_kernel: 17 is more than the 16"));
  CHECK_THAT(refusal("mamba", "state_size", "1000"), Catch::Contains("state_size: 1000 is more than"));
  CHECK_THAT(refusal("mamba", "state_size", "9"), Catch::Contains("x_proj.weight") && Catch::Contains("20"));
  CHECK_THAT(refusal("mamba", "hidden_act", "\"gelu\""),
             Catch::Contains("hidden_act: 'gelu' cannot be computed"));
  CHECK_THAT(refusal("mamba", "num_hidden_layers", "5"), Catch::Contains("layers.4."));
}

TEST_CASE("Keys of Mamba-2 that contradict each other are refused by name") {
  CHECK_THAT(refusal("bamba_v4", "mamba_n_heads", "7"),
             Catch::Contains("mamba_n_heads: 7 heads of mamba_d_head = 8") && Catch::Contains("(64)"));
  CHECK_THAT(refusal("bamba_v4", "mamba_n_groups", "3"), Catch::Contains("mamba_n_groups: 3 should divide"));
  CHECK_THAT(refusal("bamba_v4", "mamba_d_state", "513"), Catch::Contains("mamba_d_state"));
  CHECK_THAT(refusal("bamba_v4", "attn_layer_indices", "[2]"),
             Catch::Contains("attn_layer_indices: names layer 2; there are 2"));
  CHECK_THAT(refusal("bamba_v4", "time_step_limit", "[0.0]"), Catch::Contains("time_step_limit"));
  CHECK_THAT(refusal("bamba_v4", "time_step_limit", "[0.0, \"inf\"]"),
             Catch::Contains("time_step_limit: entry 1"));
  CHECK_THAT(refusal("falcon_h1_v4", "ssm_multipliers", "[1.0, 2.0]"),
             Catch::Contains("ssm_multipliers: has 2 numbers; it should have 5"));
  CHECK_THAT(refusal("falcon_h1_v4", "attention_bias", "true"), Catch::Contains("attention_bias"));
}

TEST_CASE("layer_types of another length or with an unknown kind is refused by name") {
  CHECK_THAT(refusal("lfm2", "layer_types", R"(["conv", "conv"])"),
             Catch::Contains("layer_types: has 2 entries; there are 4 layers"));
  CHECK_THAT(refusal("lfm2", "layer_types", R"(["conv", "konv", "full_attention", "conv"])"),
             Catch::Contains("'konv' should be conv or full_attention") && Catch::Contains("did you mean"));
}

TEST_CASE("Keys of Jamba, Granite 4 and Qwen3-Next that contradict each other are refused by name") {
  CHECK_THAT(refusal("jamba", "attn_layer_offset", "3"),
             Catch::Contains("attn_layer_offset: 3 should be 0 or more and below attn_layer_period (3)"));
  CHECK_THAT(refusal("jamba", "num_experts_per_tok", "9"),
             Catch::Contains("num_experts_per_tok: 9 should be at most"));
  CHECK_THAT(refusal("granitemoehybrid_v4", "layer_types", R"(["mamba"])"),
             Catch::Contains("layer_types: has 1 entries"));
  CHECK_THAT(refusal("granitemoehybrid_v4", "mamba_n_groups", "3"), Catch::Contains("mamba_n_groups"));
  CHECK_THAT(refusal("qwen3_next_v4", "linear_num_value_heads", "3"),
             Catch::Contains("linear_num_value_heads: 3 should be a multiple of linear_num_key_heads (2)"));
  CHECK_THAT(refusal("qwen3_next_v4", "linear_key_head_dim", "1000"), Catch::Contains("linear_key_head_dim"));
}

TEST_CASE("Layers with states are shown as what they are") {
  const auto lfm2 = load_model(testing::reference_model("lfm2"));
  REQUIRE(lfm2->layers().size() == 4);
  CHECK(lfm2->layers()[0].kind == KVERN_LAYER_STATE);
  CHECK(lfm2->layers()[0].states[0].shape == std::vector<int64_t>{2, 32});
  CHECK(lfm2->layers()[2].kind == KVERN_LAYER_ATTENTION);
  const auto falcon = load_model(testing::reference_model("falcon_h1_v4"));
  CHECK(falcon->layers().size() == 4);  // both in each of two layers
}
