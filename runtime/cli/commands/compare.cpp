// kvern compare: what caches do to a model's predictions of a text, and what they keep for it.
#include "devices/cpu/threads.hpp"
#include "runtime/cli/cache_argument.hpp"
#include "runtime/cli/command.hpp"
#include "runtime/cli/compare_output.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/progress.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/cli/text_file.hpp"
#include "runtime/run/measure.hpp"
#include "runtime/run/session.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kUsage =
    "usage: kvern compare --text-file FILE --cache CACHE [--cache CACHE ...] [options]\n\n"
    "Measures how far each cache moves a model's predictions of a text from those with the reference cache: "
    "perplexity,\n"
    "KL divergence, agreement of the likeliest token, with the bits that each keeps. The text is read in "
    "windows, a few\n"
    "tokens at a time, so that predictions come from what the cache kept. A CACHE is a name as listed by "
    "`kvern caches`,\n"
    "a name with options, or a TOML or JSON file (docs/configuration.md):\n\n"
    "  kvern compare --text-file story.txt --cache static\n"
    "  kvern compare --model DIR --text-file story.txt --cache mine.toml --cache 'static{max_cache_len = "
    "600}'\n\n";

constexpr int64_t kMinContext = 8;

using Strings = std::vector<std::string>;

po::options_description all_options() {
  po::options_description o("comparison", 110);
  auto number = [](int64_t preset) { return po::value<int64_t>()->default_value(preset)->value_name("N"); };
  o.add_options()("text-file", po::value<std::string>()->value_name("FILE"), "the text, UTF-8")(
      "cache", po::value<Strings>()->value_name("CACHE"),
      "a cache to compare; may be repeated; without it the one that --config names")(
      "reference", po::value<std::string>()->default_value("dynamic")->value_name("CACHE"),
      "the cache that the others are compared with")("context", number(512), "tokens of a window")(
      "windows", number(0), "windows of the text at most; 0 = all that are whole")("chunk", number(8),
                                                                                   "tokens fed at a time")(
      "recall", number(0),
      "the last so many tokens of a window repeat a passage of it, and they alone are scored; 0 = off")(
      "output", po::value<std::string>()->default_value("table")->value_name("table|markdown|json"),
      "output format")("help", "print this");
  po::options_description all;
  all.add(o).add(model_options());
  return all;
}

int64_t at_least(const po::variables_map &map, const char *option, int64_t min) {
  const auto n = map[option].as<int64_t>();
  if (n < min)
    throw Error(ErrorKind::usage, std::string("--") + option + " " + std::to_string(n) + ": it is at least " +
                                      std::to_string(min));
  return n;
}

struct CompareArguments {
  config::RunConfig base;
  config::RunConfig reference;
  std::vector<config::RunConfig> caches;
  std::string reference_name, text_file, text, output;
  Strings names;
  int64_t context = 0, windows = 0, chunk = 0, recall = 0;
};

void plan_caches(po::variables_map map, CompareArguments &plan) {
  const bool named = map.count("cache") > 0;
  if (named) plan.names = map["cache"].as<Strings>();
  map.erase("cache");
  plan.base = read_config(map);
  for (const auto &name : plan.names) plan.caches.push_back(read_cache_argument("--cache", name, plan.base));
  if (!named) {
    if (!map.count("config"))
      throw Error(ErrorKind::usage, "no cache to compare: give --cache NAME or --cache FILE.toml");
    check_cache(plan.base);
    plan.caches = {plan.base};
    plan.names = {map["config"].as<std::string>()};
  }
  plan.reference_name = map["reference"].as<std::string>();
  plan.reference = read_cache_argument("--reference", plan.reference_name, plan.base);
}

CompareArguments make_plan(const po::variables_map &map) {
  CompareArguments plan;
  plan.output = one_of(map, "output", {"table", "markdown", "json"});
  plan.context = at_least(map, "context", kMinContext);
  plan.windows = at_least(map, "windows", 0);
  plan.chunk = at_least(map, "chunk", 1);
  plan.recall = at_least(map, "recall", 0);
  if (!map.count("text-file")) throw Error(ErrorKind::usage, "no text: give --text-file FILE");
  plan.text_file = map["text-file"].as<std::string>();
  plan_caches(map, plan);
  plan.text = read_text_file("--text-file", plan.text_file);
  check_utf8(plan.text, "--text-file " + plan.text_file);
  return plan;
}

std::vector<Ids> windows_of(const CompareArguments &plan, const Session &run) {
  require_context(run.model(), plan.context);
  if (!run.tokenizer()) Tokenizer::load(run.model_folder());  // says what is missing
  auto windows = text_windows(*run.tokenizer(), plan.text, plan.context, plan.windows);
  if (plan.recall > 0) end_with_passage(windows, plan.recall);
  return windows;
}

CompareReport measure(const CompareArguments &plan, const Session &run) {
  const auto request = [&](const config::RunConfig &cache) { return cache_request(cache, 1, plan.context); };
  std::vector<CacheRequest> requests;
  for (const auto &cache : plan.caches) requests.push_back(request(cache));
  Progress progress("comparing, tokens:");
  CompareOptions options;
  options.chunk = plan.chunk;
  options.scored = plan.recall;
  options.on_progress = [&](int64_t done, int64_t total) { progress.show(done, total); };
  CompareReport report;
  report.comparison = compare(run.model(), request(plan.reference), requests, windows_of(plan, run), options);
  report.model = plan.base.model ? plan.base.model->string() : "built-in model";
  report.text_file = plan.text_file;
  report.processor = processor_name();
  report.reference = plan.reference_name;
  report.caches = plan.names;
  report.context = plan.context;
  report.recall = plan.recall;
  report.threads = threads();
  return report;
}

int run(const std::vector<std::string> &arguments) {
  const auto options = all_options();
  const auto map = parse(arguments, options);
  if (map.count("help")) return print_help(kUsage, options);
  const auto plan = make_plan(map);
  const auto report = measure(plan, Session(plan.base));
  if (plan.output == "json")
    write_json(compare_json(report));
  else
    write_text(plan.output == "table" ? compare_table(report) : compare_markdown(report));
  return 0;
}

}  // namespace

extern constinit const Command command_compare{
    "compare", "measure what caches do to a model's predictions of a text", run};

}  // namespace kvern::cli
