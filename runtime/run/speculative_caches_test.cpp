// A speculative step gives the greedy tokens of the cache that it works on, whatever the cache keeps of them and how: every cache,
// prompt lookup and a draft that is right in part.
#include <fstream>
#include <iterator>
#include <kvern/error.hpp>

#include "runtime/run/session.hpp"
#include "runtime/run/text_windows.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kNewTokens = 40;
#else
constexpr int64_t kNewTokens = 90;
#endif

const Session &demo() {
  static const Session run([] {
    config::RunConfig config;
    config.model = test::source_path("models/demo");
    config.dtype = "float32";
    config.threads = 1;
    config.plugin_path = {test::program("../lib/kvern/plugins")};
    return config;
  }());
  return run;
}

Cache open(const std::string &name, const OptionTable &options) {
  auto request = cache_request(demo().config(), 1, 512);
  request.implementation = name;
  request.options = options;
  return open_cache(demo().model(), request);
}

Option integer(int64_t n) { return {n, ""}; }

struct NamedCache {
  std::string name;
  OptionTable options = {};
};

std::vector<NamedCache> caches() {
  return {{"none"},
          {"dynamic"},
          {"static", {{"max_cache_len", integer(512)}}},
          {"paged", {{"block_size", integer(32)}}},
          {"batching"},
          {"offloaded"},
          {"offloaded_static", {{"max_cache_len", integer(512)}}},
          {"quantized", {{"residual_length", integer(0)}}},
          {"quantized", {{"residual_length", integer(32)}, {"nbits", integer(2)}}},
          {"quantized", {{"residual_length", integer(7)}, {"nbits", integer(8)}, {"axis_key", integer(1)}}}};
}

/// A text that says things twice, so that lookup finds something to propose.
std::vector<int64_t> prompt() {
  std::ifstream in(test::source_path("bench/text/stories.txt"));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto ids = text_windows(*demo().tokenizer(), text, 60, 1)[0];
  const auto again = ids;
  ids.insert(ids.end(), again.begin(), again.end());
  ids.insert(ids.end(), again.begin(), again.begin() + 10);
  return ids;
}

GenerationConfig greedy() {
  GenerationConfig config;
  config.set(option::max_new_tokens, {kNewTokens});
  return config;
}

GenerationResult generated(const NamedCache &on, const GenerationConfig &config, Cache *of_draft = nullptr) {
  auto cache = open(on.name, on.options);
  GenerationResources resources;
  if (of_draft != nullptr) resources.assistant = &demo().model(), resources.assistant_cache = of_draft;
  return generate(demo().model(), cache, {{prompt()}, {}}, config, {}, resources);
}

std::string text_of(const NamedCache &cache) {
  std::string text = cache.name;
  for (const auto &[key, value] : cache.options)
    text += " " + key + "=" + std::to_string(std::get<int64_t>(value.value));
  return text;
}

}  // namespace

TEST_CASE("Prompt lookup gives the greedy tokens of every cache, and keeps candidates") {
  auto lookup = greedy();
  set_option(lookup, "prompt_lookup_num_tokens", to_option(int64_t{10}));
  for (const NamedCache &cache : caches()) {
    INFO(text_of(cache));
    const auto got = generated(cache, lookup);
    CHECK(got.sequences == generated(cache, greedy()).sequences);
    CHECK(got.accepted_tokens > 0);
  }
}

TEST_CASE("A draft gives the greedy tokens of every cache, the candidates that it gets wrong included") {
  auto config = greedy();
  set_option(config, "assistant_confidence_threshold", to_option(0.0));
  set_option(config, "num_assistant_tokens", to_option(int64_t{7}));
  for (const NamedCache &cache : caches()) {
    INFO(text_of(cache));
    // the same weights on a cache that loses much
    auto of_draft = open("quantized", {{"residual_length", integer(0)}, {"nbits", integer(1)}});
    const auto got = generated(cache, config, &of_draft);
    CHECK(got.sequences == generated(cache, greedy()).sequences);
    CHECK(got.accepted_tokens > 0);
    CHECK(got.accepted_tokens < got.candidate_tokens);
  }
}
