// The built-in model: the very outputs of transformers, and a memory that is its cache's. Stories, questions and recorded
// answers are in tests/reference/demo.
#include "runtime/run/session.hpp"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using Json = nlohmann::json;

namespace {

// A sanitized build is many times slower: it looks at fewer stories.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kStories = 20;
#else
constexpr size_t kStories = 100;
#endif

std::vector<Json> stories() {
  std::ifstream in(test::source_path("tests/reference/demo/stories.jsonl"));
  std::vector<Json> list;
  for (std::string line; list.size() < kStories && std::getline(in, line);) list.push_back(Json::parse(line));
  return list;
}

Session demo(const std::string &cache, OptionTable options = {}) {
  config::RunConfig config;
  config.model = test::source_path("models/demo");
  config.threads = 1;
  config.cache_implementation = cache;
  config.cache_config = std::move(options);
  config.plugin_path = {test::program("../lib/kvern/plugins"),
                        test::program("../lib/kvern/test_plugins/proof")};
  return Session(std::move(config));
}

using Ids = std::vector<int64_t>;

Ids continuation(const Session &run, const Ids &prompt, int64_t n) {
  GenerationConfig config;
  config.set(option::max_new_tokens, {n});
  auto cache = run.open_cache(1, static_cast<int64_t>(prompt.size()) + n);
  auto sequence = generate(run.model(), cache, {{prompt}, {}}, config).sequences[0];
  sequence.erase(sequence.begin(), sequence.begin() + static_cast<int64_t>(prompt.size()));
  return sequence;
}

bool answers(const Session &run, const Json &story) {
  const auto want = story["answer_ids"].get<Ids>();
  return continuation(run, story["input_ids"].get<Ids>(), static_cast<int64_t>(want.size())) == want;
}

}  // namespace

TEST_CASE("The built-in model answers at least 90 % of the questions about facts 200 or more tokens back") {
  const auto run = demo("dynamic");
  const auto all = stories();
  REQUIRE(all.size() == kStories);
  size_t right = 0, as_recorded = 0;
  for (const auto &story : all) {
    REQUIRE(story["distance"].get<int64_t>() >= 200);
    const bool is_right = answers(run, story);
    right += is_right;
    as_recorded += is_right == story["right"].get<bool>();
  }
  INFO(right << " of " << all.size() << " right");
  CHECK(right * 10 >= all.size() * 9);
  CHECK(as_recorded * 100 >=
        all.size() * 99);  // transformers computes in another order: a near tie may fall the other way
}

TEST_CASE("The built-in model answers at chance when the cache has forgotten the fact") {
  // A cache that sees the last 64 tokens only, at positions counted inside that window.
  const auto run =
      demo("tiny_sink", {{"window_length", {int64_t{64}, ""}}, {"num_sink_tokens", {int64_t{0}, ""}}});
  const auto all = stories();
  double chance = 0;
  size_t right = 0;
  for (const auto &story : all) {
    right += answers(run, story);
    chance += 1.0 / story["choices"].get<double>();
  }
  const auto n = static_cast<double>(all.size());
  const double deviation = std::sqrt(chance * (1 - chance / n));
  INFO(right << " of " << n << " right, by chance " << chance);
  CHECK(static_cast<double>(right) <= chance + 3 * deviation);
}

TEST_CASE("The built-in model tells the stories that transformers tells, with its logits") {
  std::ifstream in(test::source_path("tests/reference/demo/expected.json"));
  const auto expected = Json::parse(in);
  config::RunConfig config;
  config.model = test::source_path("models/demo");
  config.threads = 1;
  config.dtype = "float32";
  config.plugin_path = {test::program("../lib/kvern/plugins")};
  const Session run(std::move(config));
  for (const auto &c : expected["cases"]) {
    INFO(c["name"]);
    const auto prompt = c["input_ids"].get<Ids>(), want = c["output_ids"].get<Ids>();
    CHECK(run.tokenizer()->encode_hf(c["prompt"].get<std::string>(), true) == prompt);
    CHECK(run.tokenizer()->text(want, true) == c["text"].get<std::string>());

    GenerationConfig options;
    options.set(option::max_new_tokens, {static_cast<int64_t>(want.size())});
    GenerationEvents events;
    double largest = 0;
    events.on_logits = [&](int64_t step, const at::Tensor &logits) {
      const auto &top = c["top"][static_cast<size_t>(step)];
      for (size_t i = 0; i < top["ids"].size(); ++i)
        largest = std::max(largest, std::abs(logits[0][top["ids"][i].get<int64_t>()].item<double>() -
                                             top["logits"][i].get<double>()));
    };
    auto cache = run.open_cache(1, static_cast<int64_t>(prompt.size() + want.size()));
    auto got = generate(run.model(), cache, {{prompt}, {}}, options, events).sequences[0];
    got.erase(got.begin(), got.begin() + static_cast<int64_t>(prompt.size()));
    CHECK(got == want);
    CHECK(largest < 2e-3);
  }
}
