#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

TEST_CASE("gpt-oss: layer_types of another length are refused") {
  testing::TinyModel model(testing::reference_model("gpt_oss"));
  model.set("layer_types", R"(["full_attention", "sliding_attention"])");
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const std::string text = test::error_text(ErrorKind::model, [&] { load_model(folder.path()); });
  CHECK(text.find("layer_types: has 2 entries; there are 4 layers") != std::string::npos);
}

TEST_CASE("gpt-oss: without a rotation in config.json it is scaled by YaRN, as in transformers") {
  testing::TinyModel model(testing::reference_model("gpt_oss"));
  model.set("rope_parameters", "");
  const test::TemporaryFolder scaled, plain;
  model.write(scaled.path());
  model.set("rope_scaling", "null");
  model.write(plain.path());
  CHECK(load_model(scaled.path())->info().max_positions == 131072);  // 32 * 4096
  CHECK(load_model(plain.path())->info().max_positions == 128);
}

TEST_CASE("gpt-oss: sinks of 16 bits are read as float32") {
  testing::TinyModel narrow(testing::reference_model("gpt_oss")), wide(testing::reference_model("gpt_oss"));
  narrow.round(files::Dtype::f16, false);
  wide.round(files::Dtype::f16, true);
  const test::TemporaryFolder a, b;
  narrow.write(a.path());
  wide.write(b.path());
  const testing::Ids ids = {{5, 17, 230, 42, 99, 200}};
  const at::Tensor got = testing::all_logits(*load_model(a.path()), ids),
                   want = testing::all_logits(*load_model(b.path()), ids);
  CHECK(((got - want).norm() / want.norm()).item<double>() < 1e-5);
}
