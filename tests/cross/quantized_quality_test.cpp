// What the quantized cache may cost: the built-in model reads stories that it was not trained on, nearly all of them from packed
// keys and values, and has to predict them as it does with the full cache. bench/quality.sh measures the same at length.
#include <fstream>
#include <iterator>

#include "runtime/run/compare.hpp"
#include "runtime/run/session.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

// A sanitized build is many times slower: it reads less.
#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kWindows = 1;
#else
constexpr int64_t kWindows = 4;
#endif

Session demo() {
  config::RunConfig config;
  config.model = test::source_path("models/demo");
  config.dtype = "float32";
  config.threads = 1;
  config.plugin_path = {test::program("../lib/kvern/plugins")};
  return Session(std::move(config));
}

std::vector<Ids> stories(const Session &run) {
  std::ifstream in(test::source_path("bench/text/stories.txt"));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return text_windows(*run.tokenizer(), text, 512, kWindows);
}

CacheRequest quantized(const Session &run, int64_t nbits, int64_t axis_key, bool rotation) {
  auto request = cache_request(run.config(), 1, 0);
  request.implementation = "quantized";
  request.options = {{"nbits", {nbits, ""}},
                     {"axis_key", {axis_key, ""}},
                     {"rotation", {rotation, ""}},
                     {"residual_length", {int64_t{0}, ""}}};
  return request;
}

/// At 8, 4, 2 and 1 bits.
std::vector<CacheScore> scores(int64_t axis_key, bool rotation) {
  const auto run = demo();
  std::vector<CacheRequest> caches;
  for (const int64_t nbits : {8, 4, 2, 1}) caches.push_back(quantized(run, nbits, axis_key, rotation));
  const auto c = compare(run.model(), cache_request(run.config(), 1, 0), caches, stories(run), {});
  CHECK(c.noise.kl.value < 1e-8);
  return c.caches;
}

}  // namespace

TEST_CASE("Packed keys and values predict a text as full ones do, the closer the more bits they have") {
  const auto axis_key = GENERATE(0, 1);
  const auto rotation = GENERATE(false, true);
  INFO("axis_key " << axis_key << ", rotation " << rotation);
  const auto s = scores(axis_key, rotation);
  for (const auto &score : s)
    UNSCOPED_INFO("KL " << score.kl.value << ", top-1 " << score.agreement.value << ", perplexity x "
                        << score.perplexity_ratio.value << ", bits " << score.bits);

  CHECK(s[0].kl.value > 0);  // something was packed
  CHECK(s[0].kl.value < 5e-5);
  CHECK(s[0].agreement.value > 0.995);
  CHECK(s[0].perplexity_ratio.value == Approx(1).epsilon(2e-3));

  CHECK(s[1].kl.value < 0.005);
  CHECK(s[1].agreement.value > 0.985);
  CHECK(s[1].perplexity_ratio.value == Approx(1).epsilon(0.02));

  CHECK(s[0].kl.value < s[1].kl.value);
  CHECK(s[1].kl.value < s[2].kl.value);
  CHECK(s[2].kl.value < s[3].kl.value);
  CHECK(s[3].agreement.value < 0.98);  // the bound of 4 bits is none that anything keeps

  for (size_t i = 1; i < s.size(); ++i) CHECK(s[i].bits < s[i - 1].bits);
}
