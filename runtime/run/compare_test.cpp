#include "runtime/run/compare.hpp"

#include <fstream>
#include <iterator>
#include <kvern/error.hpp>

#include "runtime/run/session.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

/// The built-in model in float32, where one chunking rounds hardly differently from another.
const Session &demo() {
  static const Session run([] {
    config::RunConfig config;
    config.model = test::source_path("models/demo");
    config.dtype = "float32";
    config.threads = 1;
    config.plugin_path = {test::program("../lib/kvern/plugins"),
                          test::program("../lib/kvern/test_plugins/proof")};
    return config;
  }());
  return run;
}

CacheRequest cache(const std::string &name, OptionTable options = {}) {
  auto request = cache_request(demo().config(), 1, 0);
  request.implementation = name;
  request.options = std::move(options);
  return request;
}

CacheRequest sink(int64_t window) {
  return cache("tiny_sink", {{"window_length", {window, ""}}, {"num_sink_tokens", {int64_t{2}, ""}}});
}

std::vector<Ids> stories(int64_t length, int64_t windows) {
  std::ifstream in(test::source_path("bench/text/stories.txt"));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return text_windows(*demo().tokenizer(), text, length, windows);
}

}  // namespace

TEST_CASE("Caches that keep everything move nothing, whatever they are made of") {
  const auto c =
      compare(demo().model(), cache("dynamic"), {cache("static"), cache("none")}, stories(100, 2), {});
  CHECK(c.windows == 2);
  CHECK(c.scored_tokens == 2 * 99);
  for (const auto &score : {c.noise, c.caches[0], c.caches[1]}) {
    CHECK(score.kl.value < 1e-7);
    CHECK(score.agreement.value == 1);
    CHECK(score.max_logit_difference < 1e-3);
    CHECK(score.perplexity_ratio.value == Approx(1).epsilon(1e-4));
  }
  CHECK(c.caches[0].kl.value == 0);
  CHECK(c.reference.perplexity.value > 1);
  CHECK(c.reference.perplexity.value < 10);
}

TEST_CASE("The less a cache remembers, the further it is from the reference") {
  const auto c =
      compare(demo().model(), cache("dynamic"), {sink(100), sink(30), sink(10)}, stories(150, 2), {});
  CHECK(c.caches[0].kl.value > 10 * c.noise.kl.value);
  CHECK(c.caches[1].kl.value > c.caches[0].kl.value);
  CHECK(c.caches[2].kl.value > c.caches[1].kl.value);
  CHECK(c.caches[2].agreement.value < c.caches[1].agreement.value);
  CHECK(c.caches[2].perplexity.value > c.reference.perplexity.value);
  // The window of 100 shows where the text becomes longer than that, and only there.
  CHECK(c.caches[0].kl_by_quarter[1] < 1e-6);
  CHECK(c.caches[0].kl_by_quarter[3] > 1e-4);
  CHECK(c.caches[0].kl_max >= c.caches[0].kl_p99);
  CHECK(c.caches[2].max_logit_difference > 0.1);
  CHECK(c.caches[0].kl_worst_window >= c.caches[0].kl.value);
}

TEST_CASE("The last tokens of a window are scored alone, as they are among all") {
  CompareOptions last;
  last.scored = 21;
  const auto all = compare(demo().model(), cache("dynamic"), {sink(30)}, stories(85, 2), {});
  const auto some = compare(demo().model(), cache("dynamic"), {sink(30)}, stories(85, 2), last);
  CHECK(all.scored_tokens == 2 * 84);
  CHECK(some.scored_tokens == 2 * 21);
  CHECK(some.caches[0].kl.value == Approx(all.caches[0].kl_by_quarter[3]).epsilon(1e-9));
}

TEST_CASE(
    "A cache that has dropped a passage is further from the reference where the text comes back to it") {
  const auto plain = stories(200, 2);
  auto asked = plain;
  end_with_passage(asked, 40);
  CompareOptions options;
  options.scored = 40;
  const auto at_end = [&](const std::vector<Ids> &windows) {
    return compare(demo().model(), cache("dynamic"), {sink(60)}, windows, options).caches[0].kl.value;
  };
  CHECK(at_end(asked) > at_end(plain));
}

TEST_CASE("A cache that wants one token at a time is compared with one that does not") {
  // tiny_sink refuses chunks once its window is full; the scores are those of single tokens.
  const auto pieces = compare(demo().model(), cache("dynamic"), {sink(20)}, stories(60, 1), {});
  CompareOptions single;
  single.chunk = 1;
  const auto one = compare(demo().model(), cache("dynamic"), {sink(20)}, stories(60, 1), single);
  CHECK(pieces.caches[0].kl.value == Approx(one.caches[0].kl.value).epsilon(1e-3));
  CHECK_FALSE(one.caches[0].kl.interval);
}

TEST_CASE("Bits and bytes are those of the keys and values") {
  auto half = cache("static");
  half.dtype = Dtype::f16;
  const auto c = compare(demo().model(), cache("dynamic"), {half, cache("none")}, stories(64, 1), {});
  CHECK(c.reference.bytes_per_token == 4 * 2 * (64 + 64) * 4);  // layers, heads, keys and values, float32
  CHECK(c.reference.bits == 32);
  CHECK(c.caches[0].bits == 16);
  CHECK(c.caches[0].kl.value > 0);
  CHECK(c.caches[0].kl.value < 1e-3);
  CHECK(c.caches[1].bits == 0);
  CHECK(c.reference.ms_per_token > 0);
}

TEST_CASE("Progress counts every token once") {
  CompareOptions options;
  int64_t last = 0;
  options.on_progress = [&](int64_t done, int64_t total) {
    CHECK(done > last);
    CHECK(total == 3 * 39);
    last = done;
  };
  compare(demo().model(), cache("dynamic"), {cache("static")}, stories(40, 3), options);
  CHECK(last == 3 * 39);
}

TEST_CASE("A cache too small for a window ends the comparison with its own words") {
  const auto small = cache("static", {{"max_cache_len", {int64_t{20}, ""}}});
  CHECK_THROWS_AS(compare(demo().model(), cache("dynamic"), {small}, stories(64, 1), {}), CacheError);
}
