#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "runtime/models/testing/tiny_model.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

double difference(const testing::TinyModel &model) {
  const test::TemporaryFolder folder;
  model.write(folder.path());
  const testing::Ids ids = {{5, 17, 230, 42, 99, 200}};
  const auto original = load_model(testing::reference_model("gpt_neox")), other = load_model(folder.path());
  return (testing::all_logits(*original, ids) - testing::all_logits(*other, ids)).abs().max().item<double>();
}

}  // namespace

TEST_CASE("GPT-NeoX: the rotation may be spelled rotary_pct and rotary_emb_base alone") {
  testing::TinyModel model(testing::reference_model("gpt_neox"));
  model.set("partial_rotary_factor", "");
  model.set("rope_theta", "");
  CHECK(difference(model) == 0);
  model.set("rotary_pct", "0.5");
  CHECK(difference(model) > 1e-3);
}

TEST_CASE("GPT-NeoX: with use_parallel_residual the MLP reads the residual stream before the attention") {
  testing::TinyModel model(testing::reference_model("gpt_neox"));
  model.set("use_parallel_residual", "false");
  CHECK(difference(model) > 1e-3);
}
