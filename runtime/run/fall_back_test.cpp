// A generation whose cache has no memory goes on with another one: the same ids as with all the memory there is.
#include "runtime/run/fall_back.hpp"

#include "runtime/models/load.hpp"
#include "runtime/run/open_cache.hpp"
#include "runtime/run/run_resources.hpp"
#include "runtime/run/testing/device_cache.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using conformance::FullHost;
using conformance::Schedule;

namespace {

const Model &llama() {
  static const auto model = load_model(test::source_path("tests/reference/decoders/models/llama"), {});
  return *model;
}

Cache open(const std::string &name, int64_t budget = 0, const OptionTable &options = {}) {
  CacheRequest request;
  request.implementation = name;
  request.plugin_path = {test::program("../lib/kvern/plugins")};
  request.memory_budget = budget;
  request.options = options;
  return open_cache(llama(), request);
}

const OptionTable kSmallBlocks{{"block_size", {int64_t{32}, ""}}};

GenerationConfig new_tokens(int64_t n) {
  GenerationConfig config;
  config.set(option::max_new_tokens, {n});
  return config;
}

/// 40 beams in 40 groups, all of which are wanted.
GenerationConfig forty_beams(int64_t n) {
  GenerationConfig config = new_tokens(n);
  for (const char *name : {"num_beams", "num_beam_groups", "num_return_sequences"})
    set_option(config, name, to_option(int64_t{40}));
  set_option(config, "diversity_penalty", to_option(0.5));
  return config;
}

Prompt prompt(int64_t tokens, int64_t rows = 1) {
  Prompt result;
  for (int64_t r = 0; r < rows; ++r) {
    result.input_ids.emplace_back();
    for (int64_t i = 0; i < tokens; ++i) result.input_ids.back().push_back((i * i + 7 * i + 31 * r) % 397);
  }
  return result;
}

struct Went {
  GenerationResult result;
  std::vector<std::string> said;
  std::string cache;
};

Went run(Cache cache, const Prompt &given, const GenerationConfig &config,
         std::vector<FallBackCache> caches) {
  Went went;
  GenerationResources resources;
  resources.fall_back =
      fall_back_to(std::move(caches), [&](const std::string &line) { went.said.push_back(line); });
  went.result = generate(llama(), cache, given, config, {}, resources);
  went.cache = cache.plugin().name;
  return went;
}

int64_t peak_of(const std::string &name, const Prompt &given, const GenerationConfig &config,
                const OptionTable &options = {}) {
  Cache cache = open(name, 0, options);
  generate(llama(), cache, given, config);
  return cache.host().memory().peak;
}

/// Less than dynamic needs for the last tokens, and enough for the first.
int64_t too_little_for(const Prompt &given, const GenerationConfig &config) {
  Cache cache = open("dynamic");
  generate(llama(), cache, given, config);
  return cache.info().bytes_used * 9 / 10;
}

config::RunConfig configured(const std::string &budget, const std::string &of_host, const std::string &more) {
  const std::string text = "model = '" + test::source_path("tests/reference/decoders/models/llama") +
                           "'\nplugin_path = ['" + test::program("../lib/kvern/plugins") +
                           "']\nthreads = 1\nmemory_budget = '" + budget + "'\nhost_memory_budget = '" +
                           of_host + "'\n" + more + "\n";
  return config::parse_run_config(text, "test.toml", "", {}, generation_options());
}

bool mentions(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("40 beams in 40 groups go on with paged where dynamic has no memory, with its ids") {
  const auto given = prompt(120);
  const auto config = forty_beams(12);
  const auto expected = run(open("dynamic"), given, config, {}).result;
  const int64_t of_dynamic = peak_of("dynamic", given, config),
                of_paged = peak_of("paged", given, config, kSmallBlocks);
  REQUIRE(of_paged < of_dynamic / 2);
  std::optional<int64_t> peak;
  for (const int64_t budget : {of_paged, of_dynamic / 2, of_dynamic - 1}) {
    INFO("budget " << budget << " of " << of_dynamic);
    const auto host = [&] { return open("paged", budget, kSmallBlocks); };
    const auto went = run(open("dynamic", budget), given, config, {{"paged", host}});
    CHECK(went.result.sequences == expected.sequences);
    CHECK(went.result.sequences_scores.size() == 40);
    CHECK(went.cache == "paged");
    REQUIRE(went.said.size() == 1);
    CHECK(mentions(went.said[0], "memory budget"));
    CHECK(mentions(went.said[0], "going on with 'paged', which took over"));
  }
  CHECK(test::error_text(ErrorKind::out_of_memory, [&] {
          run(open("dynamic", of_dynamic / 2), given, config, {});
        }).find("memory budget") != std::string::npos);
}

TEST_CASE(
    "A configuration's budgets and fallback let 40 beams go on, and the message names the budget that is "
    "exceeded") {
  const auto given = prompt(120);
  const auto config = forty_beams(6);
  const auto expected = run(open("dynamic"), given, config, {}).result;
  const std::string half = std::to_string(peak_of("dynamic", given, config) / 2) + "B", all = "1GB";
  for (const auto &[budget, of_host, name] :
       {std::tuple(half, all, "the memory budget of"), std::tuple(all, half, "the host memory budget of")}) {
    const Session session(configured(budget, of_host, "fallback = ['paged{block_size = 32}']"));
    Cache cache = session.open_cache(40, 126);
    const RunResources resources(session, 40, 126);
    CHECK(generate(session.model(), cache, given, config, {}, resources.get()).sequences ==
          expected.sequences);
    CHECK(std::string(cache.plugin().name) == "paged");
    CHECK(cache.host().memory().peak <= std::stoll(half));
    const Session alone(configured(budget, of_host, ""));
    Cache without = alone.open_cache(40, 126);
    const auto message =
        test::error_text(ErrorKind::out_of_memory, [&] { generate(alone.model(), without, given, config); });
    INFO(message);
    CHECK(mentions(message, name));
  }
}

TEST_CASE("On a device 40 beams go on offloaded where the device has no memory, and no budget is exceeded") {
  const auto given = prompt(40);
  const auto config = forty_beams(8);
  const auto expected = run(open("dynamic"), given, config, {}).result;
  FullHost host(Schedule{5, 50});
  const auto on_device = [&](const std::string &name) {
    CacheSpec spec;
    spec.layers = llama().layers();
    return Cache::create(std::make_shared<Host>(), testing::on_device(name, host), spec);
  };
  int64_t needed = 0;
  {
    const auto alone = run(on_device("dynamic"), given, config, {});
    CHECK(alone.result.sequences == expected.sequences);
    needed = host.peak_bytes();
  }
  const auto limits = configured(std::to_string(needed * 8 / 10) + "B", std::to_string(needed) + "B", "");
  host.set_budget(*limits.memory_budget), host.set_host_budget(*limits.host_memory_budget);
  const auto went =
      run(on_device("dynamic"), given, config, {{"offloaded", [&] { return on_device("offloaded"); }}});
  CHECK(went.result.sequences == expected.sequences);
  CHECK(went.cache == "offloaded");
  REQUIRE(went.said.size() == 1);
  CHECK(mentions(went.said[0], "going on with 'offloaded', which took over"));
  host.set_host_budget(needed / 20);  // the host has no room either
  CHECK_THROWS_AS(
      run(on_device("dynamic"), given, config, {{"offloaded", [&] { return on_device("offloaded"); }}}),
      CacheError);
  CHECK(host.violations().empty());
  CHECK(host.live_buffers() == 0);
}

TEST_CASE("Rows of any kind are taken over in the middle of a generation by every cache that keeps all") {
  for (const int64_t rows : {1, 3}) {
    Prompt given = prompt(30, rows);
    given.attention_mask.assign(static_cast<size_t>(rows), std::vector<int64_t>(30, 1));
    for (int64_t r = 1; r < rows; ++r)
      std::fill_n(given.attention_mask[static_cast<size_t>(r)].begin(), 4 * r, 0);
    const auto config = new_tokens(50);
    const auto expected = run(open("dynamic"), given, config, {}).result.sequences;
    const int64_t budget = too_little_for(given, config);
    for (const char *name : {"paged", "dynamic", "offloaded", "none"}) {
      INFO(name << ", " << rows << " rows");
      const auto went = run(open("dynamic", budget), given, config, {{name, [&] { return open(name); }}});
      CHECK(went.result.sequences == expected);
      CHECK(went.said.size() == 1);
    }
  }
}

TEST_CASE("Where nothing can be taken over the tokens are fed again, and a warning says why") {
  const auto given = prompt(60);
  const auto config = new_tokens(20);
  const auto expected = run(open("dynamic"), given, config, {}).result.sequences;
  int64_t budget = too_little_for(given, config);
  CacheRequest request;
  const auto other_dtype = [&] {
    request.implementation = "paged";
    request.plugin_path = {test::program("../lib/kvern/plugins")};
    request.dtype = Dtype::f16;
    return open_cache(llama(), request);
  };
  auto went = run(open("dynamic", budget), given, config, {{"paged", other_dtype}});
  while (went.said.size() == 1 && !mentions(went.said[0], "again")) {  // until the prompt has room
    budget += 1024;
    went = run(open("dynamic", budget), given, config, {{"paged", other_dtype}});
  }
  REQUIRE(went.said.size() == 1);
  INFO(went.said[0]);
  CHECK(mentions(went.said[0], "again: its keys have another dtype"));
  CHECK(went.result.sequences.front().size() == expected.front().size());
}

TEST_CASE(
    "The next cache is tried where one cannot be opened or has no memory itself; the last one's error names "
    "all") {
  const auto given = prompt(60);
  const auto config = new_tokens(20);
  const auto expected = run(open("dynamic"), given, config, {}).result.sequences;
  const int64_t budget = too_little_for(given, config);
  const FallBackCache refused{"static", [&] { return open("static"); }};  // it needs max_cache_len
  const auto went = run(open("dynamic", budget), given, config,
                        {refused,
                         {"dynamic", [&] { return open("dynamic", budget); }},
                         {"paged", [&] { return open("paged"); }}});
  CHECK(went.result.sequences == expected);
  CHECK(went.cache == "paged");
  CHECK(went.said.size() == 2);
  const auto message = test::error_text(ErrorKind::out_of_memory,
                                        [&] { run(open("dynamic", budget), given, config, {refused}); });
  CHECK(mentions(message, "memory budget"));
  CHECK(mentions(message, "fallback 'static'"));
  CHECK(mentions(message, "max_cache_len"));
}
