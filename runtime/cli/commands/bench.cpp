// kvern bench: prefill speed, and time per token by depth, of one or several caches.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <nlohmann/json.hpp>
#include <sstream>

#include "devices/cpu/threads.hpp"
#include "runtime/cli/cache_argument.hpp"
#include "runtime/cli/command.hpp"
#include "runtime/cli/memory.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/progress.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/cli/table.hpp"
#include "runtime/run/measure.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::json;

constexpr const char *kUsage =
    "usage: kvern bench [options]\n\n"
    "Measures prefill, and the time per decoded token at given depths, with the cache's bytes and the peak "
    "of resident\n"
    "memory. The depth is reached by feeding the cache random keys and values of unit scale through its own "
    "verbs\n"
    "(--fill prefill: by a real prefill). Best, median and worst are over --new steps; a step is one token "
    "of each of\n"
    "--rows sequences. With --turns the caches take turns, step by step: for ratios on a machine that does "
    "other things.\n\n"
    "  kvern bench --model DIR --depths 0,1024,4096,16384 --threads 1\n"
    "  kvern bench --model DIR --caches 'dynamic,quantized{nbits = 4}' --prefill 512 --output json\n\n";

po::options_description all_options() {
  po::options_description o("measurement", 110);
  auto text = [](const char *preset, const char *name) {
    return po::value<std::string>()->default_value(preset)->value_name(name);
  };
  o.add_options()("depths", text("0,1024,4096", "N,N"),
                  "tokens in the cache before decoding; empty = no decoding")(
      "prefill", text("512", "N,N"), "prompt lengths; empty = no prefill")(
      "caches", po::value<std::string>()->value_name("CACHE,CACHE"),
      "caches instead of the configured one: names, also with options as NAME{option = value}, or files")(
      "rows", po::value<int64_t>()->default_value(1)->value_name("N"),
      "sequences decoded at once, with different contents")(
      "turns", "all caches are filled first, then each decodes a token in turn")(
      "new", po::value<int64_t>()->default_value(16)->value_name("N"), "tokens decoded at each depth")(
      "repeats", po::value<int64_t>()->default_value(3)->value_name("N"), "prefills of each length")(
      "fill", text("random", "random|prefill"), "how the depth is reached")(
      "output", text("table", "table|json"), "output format")("help", "print this");
  po::options_description all;
  all.add(o).add(run_options());
  return all;
}

std::vector<std::string> split(const std::string &text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::vector<int64_t> numbers(const po::variables_map &map, const char *option, int64_t min) {
  std::vector<int64_t> list;
  for (const auto &part : split(map[option].as<std::string>())) {
    size_t used = 0;
    int64_t n = -1;
    try {
      n = std::stoll(part, &used);
    } catch (const std::exception &) {
    }
    if (used != part.size() || n < min)
      throw Error(ErrorKind::usage, std::string("--") + option + ": '" + part + "' is not a number from " +
                                        std::to_string(min) + " on");
    list.push_back(n);
  }
  return list;
}

int64_t positive(const po::variables_map &map, const char *option) {
  const auto n = map[option].as<int64_t>();
  if (n < 1)
    throw Error(ErrorKind::usage,
                std::string("--") + option + " " + std::to_string(n) + ": it is at least 1");
  return n;
}

struct BenchArguments {
  std::vector<config::RunConfig> runs;  // one per cache
  std::vector<std::string> names;       // of the caches, as the user gave them
  std::vector<int64_t> depths, prefills;
  int64_t rows, tokens, repeats;
  Fill fill;
  bool turns, json;
};

/// A name alone has the configured options.
config::RunConfig cache_of(const std::string &text, const config::RunConfig &base) {
  if (text.find('{') != std::string::npos || text.ends_with(".toml") || text.ends_with(".json"))
    return read_cache_argument("--caches", text, base);
  config::RunConfig result = base;
  result.cache_implementation = text;
  check_cache(result);
  return result;
}

BenchArguments make_plan(const po::variables_map &map) {
  BenchArguments plan;
  plan.depths = numbers(map, "depths", 0);
  plan.prefills = numbers(map, "prefill", 1);
  plan.rows = positive(map, "rows");
  plan.tokens = positive(map, "new");
  plan.repeats = positive(map, "repeats");
  plan.fill = one_of(map, "fill", {"random", "prefill"}) == "random" ? Fill::random : Fill::prefill;
  plan.turns = map.count("turns") > 0;
  plan.json = one_of(map, "output", {"table", "json"}) == "json";
  const auto config = read_config(map);
  plan.names = map.count("caches") ? split_caches(map["caches"].as<std::string>())
                                   : std::vector{config.cache_implementation};
  for (const auto &cache : plan.names) plan.runs.push_back(cache_of(cache, config));
  return plan;
}

Json measure_prefills(const BenchArguments &plan, const std::string &name, const Session &run) {
  Json result{
      {"cache", name},
      {"cache_implementation", run.config().cache_implementation},
      {"cache_dtype", run.config().cache_dtype.value_or(std::string(dtype_name(run.model().info().dtype)))},
      {"decode", Json::array()},
      {"prefill", Json::array()}};
  for (const int64_t n : plan.prefills) {
    const auto f = measure_prefill(run, n, plan.repeats);
    result["prefill"].push_back({{"tokens", n},
                                 {"tokens_per_second_best", f.best_per_second},
                                 {"tokens_per_second_median", f.median_per_second},
                                 {"cpu_ms_median", f.cpu_ms}});
  }
  return result;
}

Json decode_json(const DecodeTimings &f) {
  return {{"depth", f.depth},
          {"rows", f.rows},
          {"tokens_per_second_median", 1e3 * static_cast<double>(f.rows) / median(f.steps_ms)},
          {"ms_per_token_best", *std::ranges::min_element(f.steps_ms)},
          {"ms_per_token_median", median(f.steps_ms)},
          {"ms_per_token_worst", *std::ranges::max_element(f.steps_ms)},
          {"cpu_ms_per_token_median", median(f.cpu_ms)},
          {"steps_ms", f.steps_ms},
          {"cpu_ms", f.cpu_ms},
          {"cache_bytes", f.cache_bytes},
          {"cache_bytes_used", f.cache_bytes_used}};
}

/// Adds to `results`, one for each session, what their caches do together.
void measure_decodes(const BenchArguments &plan, const std::vector<const Session *> &runs, Json &results) {
  const size_t first = results.size() - runs.size();
  for (const int64_t depth : plan.depths) {
    Progress progress("filling the cache to depth:");
    const auto timings = measure_decode(runs, {plan.rows, depth, plan.tokens, plan.fill},
                                        [&](int64_t done, int64_t total) { progress.show(done, total); });
    for (size_t i = 0; i < runs.size(); ++i) results[first + i]["decode"].push_back(decode_json(timings[i]));
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    results[first + i]["weight_bytes"] = runs[i]->model().info().weight_bytes;
    results[first + i]["peak_resident_bytes"] = peak_resident_bytes();
  }
}

std::string fixed(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string as_table(const Json &report) {
  std::vector<std::vector<std::string>> prefill{{"cache", "dtype", "prompt", "tokens/s best", "median"}};
  std::vector<std::vector<std::string>> decode{{"cache", "dtype", "rows", "depth", "ms/step best", "median",
                                                "worst", "tokens/s", "cache", "peak memory"}};
  for (const auto &r : report["results"]) {
    const std::string cache = r["cache"], dtype = r["cache_dtype"];
    for (const auto &p : r["prefill"])
      prefill.push_back({cache, dtype, std::to_string(p["tokens"].get<int64_t>()),
                         fixed(p["tokens_per_second_best"], 1), fixed(p["tokens_per_second_median"], 1)});
    for (const auto &d : r["decode"])
      decode.push_back({cache, dtype, std::to_string(d["rows"].get<int64_t>()),
                        std::to_string(d["depth"].get<int64_t>()), fixed(d["ms_per_token_best"], 2),
                        fixed(d["ms_per_token_median"], 2), fixed(d["ms_per_token_worst"], 2),
                        fixed(d["tokens_per_second_median"], 1), byte_text(d["cache_bytes"]),
                        byte_text(r["peak_resident_bytes"])});
  }
  std::string text = report["processor"].get<std::string>() + ", " +
                     std::to_string(report["threads"].get<int>()) + " threads, " +
                     report["model"].get<std::string>() + "\n";
  if (prefill.size() > 1) text += "\nprefill\n" + table(prefill);
  if (decode.size() > 1) text += "\ndecode\n" + table(decode);
  return text;
}

int run(const std::vector<std::string> &arguments) {
  const auto options = all_options();
  const auto map = parse(arguments, options);
  if (map.count("help")) return print_help(kUsage, options);
  const auto plan = make_plan(map);
  Json report;
  report["resident_bytes_at_start"] = resident_bytes();
  std::deque<Session> open;
  std::vector<const Session *> runs;
  for (size_t i = 0; i < plan.runs.size(); ++i) {
    const Session &run = open.emplace_back(plan.runs[i]);
    report["model"] = run.model_folder().string();
    report["results"].push_back(measure_prefills(plan, plan.names[i], run));
    runs.push_back(&run);
    if (plan.turns && i + 1 < plan.runs.size()) continue;
    measure_decodes(plan, runs, report["results"]);
    runs.clear(), open.clear();
  }
  report["processor"] = processor_name();
  report["threads"] = threads();
  if (plan.json)
    write_json(report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    write_text(as_table(report));
  return 0;
}

}  // namespace

extern constinit const Command command_bench{"bench", "measure prefill and decode at given depths", run};

}  // namespace kvern::cli
