#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

TEST_CASE("Qwen3: layer_types says which layers have the sliding window, or else max_window_layers") {
  testing::TinyModel model(testing::reference_model("qwen3_window"));
  for (const char *types :
       {R"(["full_attention", "full_attention", "sliding_attention", "sliding_attention"])", ""}) {
    model.set("layer_types", types);
    const test::TemporaryFolder folder;
    model.write(folder.path());
    const auto layers = load_model(folder.path())->layers();
    CHECK(layers[1].window == 0);
    CHECK(layers[2].window == 8);
  }
}

TEST_CASE("Qwen3: without the norm of its keys a model is refused") {
  testing::TinyModel model(testing::reference_model("qwen3_window"));
  model.erase("model.layers.1.self_attn.k_norm.weight");
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const std::string text = test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
  CHECK(
      text.find(
          "tensor 'model.layers.1.self_attn.k_norm.weight' is missing; its shape would be [8] (head_dim)") !=
      std::string::npos);
}
