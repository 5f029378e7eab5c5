// Logits against transformers', and of every way to feed the same tokens against each other.
#include <thread>

#include "core/torch/torch.hpp"
#include "runtime/models/load.hpp"
#include "runtime/models/testing/forward_cases.hpp"
#include "runtime/models/testing/run.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using testing::all_logits;
using testing::feed;
using testing::reference_model;

namespace {

const testing::Ids kIds = {{5, 17, 230, 42, 99, 300, 7, 12, 250, 81, 3, 64}};

double largest_difference(const at::Tensor &a, const at::Tensor &b) {
  return (a - b).abs().max().item<double>();
}

// The largest excess over the case's tolerance among the tokens that are no padding.
double excess(const testing::ForwardCase &c, const at::Tensor &logits) {
  double most = -1.0;
  for (int64_t r = 0; r < logits.size(0); ++r) {
    const int64_t from = c.padding.empty() ? 0 : c.padding[r];
    const at::Tensor want = c.logits[r].slice(0, from), got = logits[r].slice(0, from);
    most = std::max(most, ((got - want).abs() - c.rtol * want.abs()).max().item<double>() - c.atol);
  }
  return most;
}

}  // namespace

TEST_CASE("Every family gives transformers' logits") {
  const auto cases = testing::forward_cases();
  REQUIRE(cases.size() >= 25);
  for (const testing::ForwardCase &c : cases) {
    INFO(c.id);
    const auto model = load_model(c.model);
    CHECK(excess(c, all_logits(*model, c.ids, c.padding)) <= 0);
  }
}

TEST_CASE("Tokens fed in pieces give the logits of one pass") {
  for (const char *name :
       {"gpt2", "llama", "llama_llama3", "mistral", "phi", "phi3_longrope", "qwen2_defaults"}) {
    INFO(name);
    const auto model = load_model(reference_model(name));
    const at::Tensor whole = all_logits(*model, kIds);
    testing::SmallCache cache(*model);
    feed(*model, cache.get(), kIds, 0, 7);
    for (size_t t = 7; t < kIds[0].size(); ++t) {
      const at::Tensor step = feed(*model, cache.get(), kIds, t, t + 1);
      CHECK(largest_difference(step[0][0], whole[0][static_cast<int64_t>(t)]) < 1e-4);
    }
  }
}

TEST_CASE(
    "Tokens fed in pieces give the logits of one pass where layers have states, also tentative ones of which "
    "a part is kept") {
  const testing::Ids ids = {{5, 17, 130, 42, 99, 100, 7, 12, 81, 3, 64, 9}};
  for (const char *name :
       {"mamba", "jamba", "bamba_v4", "falcon_h1_v4", "granitemoehybrid_v4", "lfm2", "qwen3_next_v4"}) {
    INFO(name);
    const auto model = load_model(reference_model(name));
    const at::Tensor whole = all_logits(*model, ids);
    testing::SmallCache cache(*model);
    feed(*model, cache.get(), ids, 0, 4);
    StepRequest request;
    request.row_pos = {4};
    request.n_new = 5;
    request.total_length = 9;
    request.tentative = true;
    Step step(cache.get(), request);
    Input input;
    input.ids = testing::id_tensor({{ids[0][4], ids[0][5], ids[0][6], 1, 2}});
    model->forward(step, input);
    step.keep(3);
    for (size_t t = 7; t < ids[0].size(); ++t) {
      const at::Tensor one = feed(*model, cache.get(), ids, t, t + 1);
      CHECK(largest_difference(one[0][0], whole[0][static_cast<int64_t>(t)]) < 1e-4);
    }
  }
}

TEST_CASE("Without all_logits only the last token's are computed, and they are the same") {
  const auto model = load_model(reference_model("llama"));
  const testing::Ids ids = {kIds[0], {kIds[0].rbegin(), kIds[0].rend()}};
  testing::SmallCache cache(*model);
  const at::Tensor last = feed(*model, cache.get(), ids, 0, ids[0].size(), {}, false);
  REQUIRE(last.sizes() == at::IntArrayRef({2, 1, model->info().vocab_size}));
  CHECK(largest_difference(last, all_logits(*model, ids).slice(1, -1)) < 1e-5);
}

TEST_CASE("A row with padding on its left gives the logits of the row alone") {
  for (const char *name : {"gpt2", "llama_llama3", "mistral", "phi", "qwen2_defaults", "mamba", "bamba_v4",
                           "falcon_h1_v4", "jamba", "granitemoehybrid_v4", "qwen3_next_v4", "lfm2"}) {
    INFO(name);
    const auto model = load_model(reference_model(name));
    const at::Tensor alone = all_logits(*model, {{9, 8, 7, 6, 5}});
    const at::Tensor both = all_logits(*model, {{0, 0, 0, 9, 8, 7, 6, 5}, {1, 2, 3, 4, 5, 6, 7, 8}}, {3, 0});
    CHECK(largest_difference(both[0].slice(0, 3), alone[0]) < 1e-4);
  }
}

TEST_CASE("A failed pass leaves the cache as it was") {
  const auto model = load_model(reference_model("gpt2"));
  testing::SmallCache cache(*model);
  feed(*model, cache.get(), kIds, 0, 6);
  const testing::Ids wrong = {{5, 17, 230, 42, 99, 300, 384, 12}};
  CHECK_THROWS_WITH(feed(*model, cache.get(), wrong, 6, 8),
                    "the id 384 is outside of the vocabulary, which has 384 entries");
  CHECK(cache.get().info().tokens == 6);
  const at::Tensor after = feed(*model, cache.get(), kIds, 6, 12);
  CHECK(largest_difference(after[0], all_logits(*model, kIds)[0].slice(0, 6)) < 1e-4);
}

TEST_CASE("A pass that is asked to stop ends between sublayers and leaves the cache as it was") {
  const auto model = load_model(reference_model("llama"));
  testing::SmallCache cache(*model);
  feed(*model, cache.get(), kIds, 0, 6);
  StepRequest request;
  request.row_pos = {6};
  request.n_new = 2;
  int asked = 0;
  const std::function<bool()> stop = [&] { return ++asked == 3; };
  Input input;
  input.ids = testing::id_tensor({{1, 2}});
  input.stop_requested = &stop;
  CHECK_THROWS_AS(forward_and_keep(*model, cache.get(), request, input), StopRequested);
  CHECK(asked == 3);
  CHECK(cache.get().info().tokens == 6);
  const at::Tensor after = feed(*model, cache.get(), kIds, 6, 12);
  CHECK(largest_difference(after[0], all_logits(*model, kIds)[0].slice(0, 6)) < 1e-4);
}

TEST_CASE("A pass without tokens, or with others than its step has, is a defect of the caller") {
  const auto model = load_model(reference_model("llama"));
  testing::SmallCache cache(*model);
  const std::string want = "forward: ids must be int64 [B, T], as many as the step has";
  StepRequest request;
  request.row_pos = {0};
  request.n_new = 2;
  Input input;
  input.ids = at::empty({1, 0}, at::kLong);
  CHECK_THROWS_WITH(forward_and_keep(*model, cache.get(), request, input), want);
  input.ids = testing::id_tensor({{1, 2}, {3, 4}});
  CHECK_THROWS_WITH(forward_and_keep(*model, cache.get(), request, input), want);
}

TEST_CASE("Logits can be changed in place, and ids may be a view") {
  const auto model = load_model(reference_model("llama"));
  testing::SmallCache cache(*model);
  Input input;
  input.ids = testing::id_tensor({{5, 0, 17, 0, 230, 0}}).slice(1, 0, 6, 2);
  input.logits = Input::Logits::all;
  StepRequest request;
  request.row_pos = {0};
  request.n_new = request.total_length = 3;
  at::Tensor logits = forward_and_keep(*model, cache.get(), request, input).logits;
  CHECK(largest_difference(logits, all_logits(*model, {{5, 17, 230}})) == 0);
  logits.mul_(0);
  CHECK(logits.abs().max().item<double>() == 0);
}

TEST_CASE("Passes may run at once, each with a cache of its own") {
  const auto model = load_model(reference_model("llama"));
  const at::Tensor want = all_logits(*model, kIds);
  testing::SmallCache first(*model), second(*model);
  at::Tensor got[2];
  std::thread other([&] { got[1] = feed(*model, second.get(), kIds, 0, kIds[0].size()); });
  got[0] = feed(*model, first.get(), kIds, 0, kIds[0].size());
  other.join();
  CHECK(largest_difference(got[0], want) == 0);
  CHECK(largest_difference(got[1], want) == 0);
}

TEST_CASE("Learned positions end where their table ends") {
  const auto model = load_model(reference_model("gpt2"));
  testing::SmallCache cache(*model);
  Input input;
  input.ids = testing::id_tensor({{1, 2}});
  StepRequest request;
  request.row_pos = {159};
  request.n_new = 2;
  request.total_length = 161;
  CHECK_THROWS_WITH(forward_and_keep(*model, cache.get(), request, input),
                    "161 positions are more than the 160 that this model has learned");
}

TEST_CASE("A model says what it is") {
  const auto llama = load_model(reference_model("llama"));
  CHECK(llama->info().model_type == "llama");
  CHECK(llama->info().vocab_size == 400);
  CHECK(llama->info().max_positions == 256);
  CHECK(llama->info().weight_bytes == 4 * llama->info().parameters);
  CHECK(llama->info().dtype == Dtype::f32);
  CHECK(llama->layers().size() == 3);
  CHECK(llama->layers()[0].q_heads == 4);
  CHECK(llama->layers()[0].kv_heads == 2);
  CHECK(load_model(reference_model("mistral"))->layers()[2].window == 16);
  CHECK(load_model(reference_model("llama_dynamic"))->info().max_positions == 0);
  CHECK(load_model(reference_model("gpt2"))->info().max_positions == 160);
}

TEST_CASE("A head tied to the embedding is counted once") {
  const auto tied = load_model(reference_model("qwen2_defaults"));
  const int64_t embedding = 416 * 48,
                layer = 48 * 48 + 2 * 16 * 48 + 48 + 2 * 16 + 48 * 48 + 3 * 48 * 80 + 2 * 48;
  CHECK(tied->info().parameters == embedding + 2 * layer + 48);
}

TEST_CASE("Longrope changes its version behind the original positions") {
  const auto model = load_model(reference_model("phi3_longrope"));
  CHECK(model->rope_version(32) == model->rope_version(1));
  CHECK(model->rope_version(33) != model->rope_version(32));
  CHECK(load_model(reference_model("llama"))->rope_version(1000) == 0);
}
