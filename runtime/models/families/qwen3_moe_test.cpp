#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

std::string refusal(const char *key, const char *value) {
  testing::TinyModel model(testing::reference_model("qwen3_moe"));
  model.set(key, value);
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const std::string text = test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
  return text.substr(folder.path().string().size());
}

}  // namespace

TEST_CASE("Qwen3-MoE: layers of mlp_only_layers, and those that decoder_sparse_step skips, have an MLP") {
  testing::TinyModel model(testing::reference_model("qwen3_moe"));
  const auto kinds = load_model(testing::reference_model("qwen3_moe"))->feed_forward();
  CHECK(kinds == std::vector<std::string>{"experts: 2 of 6", "MLP", "experts: 2 of 6"});
}

TEST_CASE("Qwen3-MoE: more experts of a token than there are, or none, are refused by key") {
  CHECK(refusal("num_experts_per_tok", "7") ==
        "/config.json: num_experts_per_tok: 7 should be at most num_local_experts (6)");
  CHECK(refusal("num_experts_per_tok", "0").find("/config.json: num_experts_per_tok: ") == 0);
  CHECK(refusal("num_local_experts", "100000") ==
        "/config.json: num_local_experts: 100000 experts are more than the 4096 supported");
}

TEST_CASE("Qwen3-MoE: an expert that the file lacks is named") {
  CHECK(refusal("num_local_experts", "7")
            .find("tensor 'model.layers.0.mlp.gate.weight' has the shape [6, 32], but "
                  "config.json asks for [7, 32] (experts, hidden_size)") != std::string::npos);
  testing::TinyModel model(testing::reference_model("qwen3_moe"));
  model.erase("model.layers.2.mlp.experts.4.up_proj.weight");
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const std::string text = test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
  CHECK(text.find(
            "tensor 'model.layers.2.mlp.experts.4.up_proj.weight' is missing; its shape would be [20, 32]") !=
        std::string::npos);
}

TEST_CASE("Qwen3-MoE: with bf16 weights, tokens fed in pieces choose the experts of one pass") {
  testing::TinyModel model(testing::reference_model("qwen3_moe"));
  model.round(files::Dtype::bf16, false);
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const auto loaded = load_model(folder.path());
  const testing::Ids ids = {{5, 17, 230, 42, 99, 200, 7, 12, 250, 81, 3, 64}};
  const at::Tensor whole = testing::all_logits(*loaded, ids);
  testing::SmallCache cache(*loaded);
  for (size_t t = 0; t < ids[0].size(); ++t) {
    const at::Tensor step = testing::feed(*loaded, cache.get(), ids, t, t + 1);
    const at::Tensor want = whole[0].slice(0, static_cast<int64_t>(t), static_cast<int64_t>(t) + 1);
    CHECK(((step[0] - want).norm() / want.norm()).item<double>() < 0.02);
  }
}
