// Kind "trained_models": greedy ids of an independent program, and the largest logits of its first and last
// step.
#include <algorithm>
#include <kvern/generation.hpp>

#include "runtime/tokenizer/tokenizer.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

constexpr double kLogitTolerance = 2e-3;  // two float32 programs that sum in different orders

void expect_top(const at::Tensor &logits, const Json &want, double tolerance, const std::string &what) {
  for (const auto &[id, value] : want.items()) {
    const auto got = logits[0][std::stoll(id)].item<double>();
    if (std::abs(got - value.get<double>()) > tolerance)
      fail(what + ": id " + id + " has logit " + std::to_string(got) + ", expected " +
           std::to_string(value.get<double>()));
  }
}

/// Of a row of ids the first n, which no packed token has had a part in.
std::vector<int64_t> first_ids(const std::vector<int64_t> &ids, int64_t n) {
  return {ids.begin(), ids.begin() + std::min<int64_t>(n, static_cast<int64_t>(ids.size()))};
}

}  // namespace

void run_trained_model(const Case &c, Context &context) {
  const auto &model = context.model(c.file);
  const auto tokenizer = Tokenizer::load(c.file);
  const auto want = c.json.at("ids_with_bos").get<std::vector<int64_t>>();
  Prompt prompt;
  prompt.input_ids.push_back(
      tokenizer.encode(c.json.at("prompt").get<std::string>(), /*add_special_tokens=*/true));
  GenerationConfig config;
  config.set(option::max_length, static_cast<int64_t>(want.size()));
  auto cache = context.open(model, "dynamic", 1, config.get(option::max_length));

  at::Tensor last;
  bool packed = false;  // a cache that packs old tokens owes the ids only until it does
  auto exact = static_cast<int64_t>(prompt.input_ids[0].size());
  GenerationEvents events;
  events.on_logits = [&](int64_t, const at::Tensor &logits) {
    last = logits;
    packed = packed || packs_tokens(cache);
    if (!packed) ++exact;
  };
  const auto result = generate(model, cache, prompt, config, events);
  expect_ids({first_ids(result.sequences.at(0), exact)}, {first_ids(want, exact)});
  if (!packed) {
    expect_ids(result.sequences, {want});
    expect_top(last, c.json.at("last_row_top5"), kLogitTolerance, "the last step");
  }

  cache.reset();
  config.set(option::max_length, int64_t{2});
  prompt.input_ids = {{want.front()}};
  generate(model, cache, prompt, config, events);
  expect_top(last, c.json.at("first_row_top5"), kLogitTolerance, "the first token");
}

}  // namespace kvern::reference
