// The driver's verbs through the toy model: whatever is proposed, kept, reordered or forgotten, the logits are those of the
// same tokens fed at once.
#include "core/generation/driver.hpp"

#include <kvern/abi/attention.h>
#include <kvern/abi/positions.h>
#include <kvern/plugin_registry.hpp>
#include <limits>

#include "core/attention/attention_extension.hpp"
#include "core/generation/testing_model.hpp"
#include "core/torch/torch.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using kvern::test::error_text;
using kvern::test::ToyModel;

namespace {

using Ids = std::vector<int64_t>;

Cache open(const Model &model, const std::string &name, int64_t max_tokens = 64) {
  CacheSpec spec;
  spec.layers = model.layers();
  spec.max_tokens = max_tokens;
  const auto found = find_plugin(
      name, {test::program("../lib/kvern/plugins"), test::program("../lib/kvern/test_plugins/proof")});
  const auto host = std::make_shared<Host>();
  host->offer(KVERN_ATTENTION_1, attention_extension());
  return Cache::create(host, *found.plugin, spec);
}

/// Logits of the last n tokens of each row, every row fed alone and at once.
at::Tensor alone(const TokenRows &rows, int64_t n) {
  const ToyModel model;
  std::vector<at::Tensor> logits;
  for (const Ids &row : rows) {
    auto cache = open(model, "dynamic");
    logits.push_back(Driver(model, cache).feed({row}, {0}, {n, false}).logits);
  }
  return at::cat(logits);
}

bool close(const at::Tensor &a, const at::Tensor &b) {
  return a.sizes() == b.sizes() && (a - b).abs().max().item<double>() < 1e-4;
}

const Ids kFirst = {3, 1, 4, 1, 5, 9, 2, 6}, kSecond = {2, 7, 1, 8, 2, 8, 1, 8};

Ids head(const Ids &ids, int64_t n) { return {ids.begin(), ids.begin() + n}; }

Ids joined(Ids ids, const Ids &more) {
  ids.insert(ids.end(), more.begin(), more.end());
  return ids;
}

/// A cache on a host that says how far the model sees.
Cache open_with_span(const Model &model, const std::string &name, const OptionTable &options,
                     const kvern_positions_1 *positions) {
  CacheSpec spec;
  spec.layers = model.layers();
  spec.options = options;
  const auto found = find_plugin(name, {test::program("../lib/kvern/plugins")});
  const auto host = std::make_shared<Host>();
  host->offer(KVERN_ATTENTION_1, attention_extension());
  if (positions) host->offer(KVERN_POSITIONS_1, positions);
  return Cache::create(host, *found.plugin, spec);
}

Cache open_with_budget(const Model &model, const std::string &name, int64_t bytes) {
  CacheSpec spec;
  spec.layers = model.layers();
  const auto found = find_plugin(name, {test::program("../lib/kvern/plugins")});
  HostOptions options;
  options.memory_budget = bytes;
  const auto host = std::make_shared<Host>(options);
  host->offer(KVERN_ATTENTION_1, attention_extension());
  return Cache::create(host, *found.plugin, spec);
}

const std::vector<std::string> kCaches = {"dynamic", "static", "none", "tiny_paged", "tiny_pieces"};

}  // namespace

TEST_CASE("Logits and hidden states of several columns are those of one pass, in chunks too") {
  for (const std::string &name : kCaches) {
    INFO(name);
    const ToyModel model;
    for (const int64_t chunk : {0, 3}) {
      auto cache = open(model, name);
      Driver driver(model, cache, {true, chunk, {}, {}});
      const Output output = driver.feed({kFirst, kSecond}, {0, 0}, {5, true});
      CHECK(close(output.logits, alone({kFirst, kSecond}, 5)));
      CHECK(output.hidden.sizes() == at::IntArrayRef({2, 5, ToyModel::kDim}));
      CHECK(driver.feed({kFirst, kSecond}, {0, 0}, {0, false}).logits.defined() == false);
    }
  }
}

TEST_CASE(
    "Where capacity ends between the chunks of a prompt, what was fed stays, and a shorter text goes on") {
  for (const std::string name : {"static", "batching"}) {
    INFO(name);
    const ToyModel model;
    auto cache = open(model, name, 10);
    Driver driver(model, cache, {true, 4, {}, {}});
    const Ids text = joined(kFirst, kSecond);
    const auto why = error_text(ErrorKind::out_of_memory, [&] { driver.feed({text}, {0}); });
    CHECK_THAT(why, Catch::Contains("capacity"));
    CHECK_FALSE(cache.in_step());
    CHECK(cache.info().tokens == 10);
    model.fed.clear();
    CHECK(close(driver.feed({head(text, 10)}, {0}).logits, alone({head(text, 10)}, 1)));
    CHECK(model.fed == Ids{1});
  }
}

TEST_CASE(
    "Where memory ends between the chunks of a prompt, what was fed stays, and a shorter text goes on") {
  Ids text;
  for (int64_t i = 0; i < 300; ++i) text.push_back((i * i + 3 * i) % ToyModel::kVocab);
  for (const std::string name : {"dynamic", "paged", "quantized", "evicting", "sink"}) {
    INFO(name);
    const ToyModel model;
    auto roomy = open_with_budget(model, name, 0);
    Driver(model, roomy, {true, 7, {}, {}}).feed({head(text, 100)}, {0});
    auto cache = open_with_budget(model, name, roomy.host().memory().peak);
    Driver driver(model, cache, {true, 7, {}, {}});
    const auto why = error_text(ErrorKind::out_of_memory, [&] { driver.feed({text}, {0}); });
    CHECK_THAT(why, Catch::Contains("memory budget"));
    CHECK_FALSE(cache.in_step());
    const int64_t held = cache.info().tokens;
    CHECK(held >= 98);
    CHECK(held % 7 == 0);
    model.fed.clear();
    CHECK(close(driver.feed({head(text, held)}, {0}).logits, alone({head(text, held)}, 1)));
    CHECK(model.fed == Ids{1});
  }
}

TEST_CASE(
    "Of proposed tokens those stay that are accepted, whether or not the cache can keep a part of a step") {
  for (const std::string &name : kCaches) {
    for (int64_t keep = 0; keep <= 3; ++keep) {
      INFO(name << ", keep " << keep);
      const ToyModel model;
      auto cache = open(model, name);
      Driver driver(model, cache);
      const Ids proposed = joined(kFirst, {7, 7, 7});
      CHECK(close(driver.propose({proposed}, {0}, 3).logits, alone({proposed}, 3)));
      driver.accept({keep});
      const Ids next = joined(head(proposed, 8 + keep), {11, 12});
      CHECK(close(driver.feed({next}, {0}).logits, alone({next}, 1)));
    }
  }
}

TEST_CASE("Rows keep different numbers of proposed tokens and go on from there") {
  for (const std::string &name : kCaches) {
    INFO(name);
    const ToyModel model;
    auto cache = open(model, name);
    Driver driver(model, cache);
    const TokenRows proposed = {joined(kFirst, {7, 7, 7}), joined(kSecond, {6, 6, 6})};
    driver.propose(proposed, {0, 0}, 3);
    driver.accept({3, 1});
    const TokenRows next = {joined(proposed[0], {4}), joined(head(proposed[1], 9), {5})};
    CHECK(close(driver.feed(next, {0, 0}).logits, alone(next, 1)));
    // One row is now three tokens ahead of the cache, the other one.
    const TokenRows uneven = {joined(next[0], {1, 2, 3}), joined(next[1], {9})};
    CHECK(close(driver.feed(uneven, {0, 0}).logits, alone(uneven, 1)));
    // Ragged rows can be proposed to again.
    const TokenRows more = {joined(uneven[0], {8, 8}), joined(uneven[1], {3, 3})};
    CHECK(close(driver.propose(more, {0, 0}, 2).logits, alone(more, 2)));
    driver.accept({1, 2});
    const TokenRows last = {joined(head(more[0], static_cast<int64_t>(more[0].size()) - 1), {2}),
                            joined(more[1], {2})};
    CHECK(close(driver.feed(last, {0, 0}).logits, alone(last, 1)));
  }
}

TEST_CASE("Proposed tokens are computed once where the cache can keep a part of a step") {
  const ToyModel model;
  auto cache = open(model, "dynamic");
  Driver driver(model, cache);
  driver.feed({kFirst}, {0});
  model.fed.clear();
  driver.propose({joined(kFirst, {7, 7, 7})}, {0}, 3);
  driver.accept({2});
  driver.feed({joined(kFirst, {7, 7, 5})}, {0});
  CHECK(model.fed == Ids{3, 1});
}

TEST_CASE("A proposal that is not answered is taken back") {
  for (const std::string &name : kCaches) {
    INFO(name);
    const ToyModel model;
    auto cache = open(model, name);
    Driver driver(model, cache);
    driver.propose({joined(kFirst, {7, 7, 7})}, {0}, 3);
    const Ids other = joined(kFirst, {1, 2, 3, 4});
    CHECK(close(driver.feed({other}, {0}).logits, alone({other}, 1)));
    CHECK_THROWS_WITH(driver.accept({1}), "tokens are accepted, but none are proposed");
  }
}

TEST_CASE("Rows are reordered and repeated, with the places where they end") {
  for (const std::string &name : kCaches) {
    INFO(name);
    const ToyModel model;
    auto cache = open(model, name);
    Driver driver(model, cache);
    driver.propose({joined(kFirst, {7, 7}), joined(kSecond, {6, 6})}, {0, 0}, 2);
    driver.accept({2, 1});
    driver.reorder({1, 0, 1});
    const TokenRows rows = {joined(kSecond, {6, 3}), joined(kFirst, {7, 7, 4}), joined(kSecond, {6, 5})};
    CHECK(close(driver.feed(rows, {0, 0, 0}).logits, alone(rows, 1)));
  }
}

namespace {

/// Sequences that are decoded together: each goes on with the token that its logits make the likeliest, as it would alone.
struct Batch {
  Driver &driver;
  TokenRows rows;

  void decode(const std::string &when) {
    const auto logits = driver.feed(rows, std::vector<int64_t>(rows.size(), 0)).logits;
    INFO(when);
    CHECK(close(logits, alone(rows, 1)));
    for (size_t r = 0; r < rows.size(); ++r)
      rows[r].push_back(logits.select(0, static_cast<int64_t>(r)).argmax().item<int64_t>());
  }
  void leave(const std::vector<int64_t> &stay) {
    driver.reorder(stay);
    TokenRows left;
    for (const int64_t r : stay) left.push_back(rows[static_cast<size_t>(r)]);
    rows = left;
  }
  void join(Batch &other) {
    driver.append(other.driver);
    rows.insert(rows.end(), other.rows.begin(), other.rows.end());
  }
};

}  // namespace

TEST_CASE("Rows of different lengths join and leave in mid-flight, each with the logits that it has alone") {
  std::vector<std::string> caches = kCaches;
  caches.insert(caches.end(), {"paged", "batching"});
  for (const std::string &name : caches) {
    INFO(name);
    const ToyModel model;
    auto cache = open(model, name), second = open(model, name);
    Driver driver(model, cache), newcomer(model, second);
    Batch batch{driver, {kFirst, head(kSecond, 3)}};
    for (int i = 0; i < 3; ++i) batch.decode("two rows");
    Batch joining{newcomer, {{4, 2}, joined(kFirst, kSecond)}};
    joining.decode("prefill of the rows that join");
    batch.join(joining);
    for (int i = 0; i < 2; ++i) batch.decode("four rows");
    batch.leave({3, 1});
    batch.decode("two have left");
    newcomer.reset();
    joining.rows = {{7}};
    joining.decode("prefill of one more");
    batch.join(joining);
    batch.rows[2].push_back(6);  // a row that is two tokens ahead of what was fed
    for (int i = 0; i < 3; ++i) batch.decode("three rows");
    batch.leave({2});
    batch.decode("the last row");
  }
}

TEST_CASE(
    "Rows that join and leave are computed once in paged and batching, and their memory is used again") {
  for (const std::string name : {"paged", "batching"}) {
    INFO(name);
    const ToyModel model;
    auto cache = open(model, name), second = open(model, name);
    Driver driver(model, cache), newcomer(model, second);
    Batch batch{driver, {kFirst, kSecond}};
    batch.decode("two rows");
    int64_t bytes = 0;
    for (int i = 0; i < 5; ++i) {
      Batch joining{newcomer, {head(kFirst, 2 + i)}};
      joining.decode("prefill");
      batch.join(joining);
      batch.decode("three rows");
      CHECK(driver.cache().info().rows == 3);
      CHECK((i == 0 || driver.cache().info().bytes_device == bytes));
      bytes = driver.cache().info().bytes_device;
      batch.leave({0, 2});
      newcomer.reset();
    }
    CHECK(model.fed == Ids{8, 2, 1, 3, 1, 4, 1, 5, 1, 6, 1});
  }
}

TEST_CASE("Forgotten positions are fed again") {
  for (const std::string &name : kCaches) {
    INFO(name);
    const ToyModel model;
    auto cache = open(model, name);
    Driver driver(model, cache);
    driver.feed({kFirst, kSecond}, {0, 0});
    driver.truncate({5, 3});
    const TokenRows rows = {joined(head(kFirst, 5), {1, 1}), joined(head(kSecond, 3), {2, 2})};
    CHECK(close(driver.feed(rows, {0, 0}).logits, alone(rows, 1)));
    driver.reset();
    CHECK(close(driver.feed({kSecond}, {0}).logits, alone({kSecond}, 1)));
  }
}

TEST_CASE("Padding on the left may differ between rows that are proposed to") {
  const ToyModel model;
  auto cache = open(model, "dynamic");
  Driver driver(model, cache);
  const TokenRows rows = {{0, 0, 3, 1, 4, 7, 7}, {2, 7, 1, 8, 2, 6, 6}};
  const TokenRows bare = {{3, 1, 4, 7, 7}, rows[1]};
  CHECK(close(driver.propose(rows, {2, 0}, 2).logits, alone(bare, 2)));
  driver.accept({0, 2});
  const TokenRows next = {{0, 0, 3, 1, 4, 9}, {2, 7, 1, 8, 2, 6, 6, 9}};
  CHECK(close(driver.feed(next, {2, 0}).logits, alone({{3, 1, 4, 9}, next[1]}, 1)));
}

TEST_CASE(
    "Logits that are not finite are an error that says where they arose, and leave the cache as it was") {
  ToyModel model;
  auto cache = open(model, "dynamic");
  Driver driver(model, cache);
  driver.feed({head(kFirst, 3)}, {0});
  model.spoil(5, std::numeric_limits<float>::infinity());
  const auto message = error_text(ErrorKind::model, [&] { driver.feed({head(kFirst, 5)}, {0}); });
  CHECK(message ==
        "the embedding: computed an infinite value; the weights hold such values, or are too large");
  CHECK(cache.info().tokens == 3);
  CHECK_THROWS_AS(driver.propose({head(kFirst, 5)}, {0}, 2), Error);
  CHECK(cache.info().tokens == 3);
}

TEST_CASE("A cache that counts positions inside a window ends no text, any other where the model ends") {
  const ToyModel model(16);
  const kvern_positions_1 positions{sizeof(kvern_positions_1), 0, 16};
  const OptionTable window{{"window_length", {int64_t{8}, ""}}, {"num_sink_tokens", {int64_t{2}, ""}}};
  auto absolute = window;
  absolute.emplace_back("positions", Option{std::string("absolute"), ""});
  auto sink = open_with_span(model, "sink", window, &positions);
  CHECK(position_limit(model, sink) == -1);
  CHECK(position_limit(model, open_with_span(model, "sink", window, nullptr)) == 16);
  CHECK(position_limit(model, open_with_span(model, "sink", absolute, &positions)) == 16);
  CHECK(position_limit(model, open_with_span(model, "dynamic", {}, &positions)) == 16);
  Driver driver(model, sink);
  Ids ids;
  for (int64_t i = 0; i < 60; ++i) ids.push_back(i * i % 23);
  CHECK(driver.feed({ids}, {0}).logits.isfinite().all().item<bool>());
  CHECK(sink.info().tokens == 60);
}
