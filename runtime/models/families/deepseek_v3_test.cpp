#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

std::string refusal(const char *key, const char *value) {
  testing::TinyModel model(testing::reference_model("deepseek_v3"));
  model.set(key, value);
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const std::string text = test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
  return text.substr(folder.path().string().size());
}

}  // namespace

TEST_CASE("DeepSeek-V3: the first layers are dense, the others mixtures with a shared expert") {
  const auto kinds = load_model(testing::reference_model("deepseek_v3"))->feed_forward();
  const std::string mixture = "experts: 3 of 8 and a shared one";
  CHECK(kinds == std::vector<std::string>{"MLP", mixture, mixture});
}

TEST_CASE("DeepSeek-V3: sizes that contradict each other are refused by key") {
  CHECK(refusal("kv_lora_rank", "0").find("/config.json: kv_lora_rank: ") == 0);
  CHECK(refusal("qk_head_dim", "24") ==
        "/config.json: qk_head_dim: 24 should be qk_nope_head_dim + qk_rope_head_dim (20)");
  CHECK(refusal("n_group", "3") == "/config.json: n_group: 3 should divide n_routed_experts (8)");
  CHECK(refusal("topk_group", "5") == "/config.json: topk_group: 5 should be at most n_group (4)");
  CHECK(refusal("num_experts_per_tok", "5") ==
        "/config.json: num_experts_per_tok: 5 should be at most 4, the experts of topk_group (2) groups");
  CHECK(refusal("n_shared_experts", "-1") == "/config.json: n_shared_experts: -1 should be 0 or more");
  CHECK(refusal("kv_lora_rank", "16")
            .find("kv_a_proj_with_mqa.weight' has the shape [20, 32], but config.json asks for "
                  "[24, 32] (kv_lora_rank + qk_rope_head_dim, hidden_size)") != std::string::npos);
}

TEST_CASE("DeepSeek-V2: an unknown method of choosing experts is refused with the nearest") {
  testing::TinyModel model(testing::reference_model("deepseek_v2"));
  model.set("topk_method", R"("gredy")");
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const std::string text = test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
  CHECK(text.find("topk_method: 'gredy' should be greedy or group_limited_greedy; did you mean 'greedy'?") !=
        std::string::npos);
}
