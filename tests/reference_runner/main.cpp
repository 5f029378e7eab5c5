// kvern-reference: replays folders of reference data. See docs/reference.md.
#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>
#include <kvern/error.hpp>
#include <set>
#include <sstream>

#include "core/torch/single_thread.hpp"
#include "core/torch/torch.hpp"
#include "devices/cpu/threads.hpp"
#include "tests/reference_runner/kinds.hpp"
#include "tests/reference_runner/report.hpp"

namespace po = boost::program_options;
using namespace kvern;
using namespace kvern::reference;

namespace {

struct Arguments {
  std::vector<std::string> folders;
  std::set<std::string> kinds, names;  // empty: all
  bool list = false, json = false;
  Context context;
  int threads = 1;
};

constexpr const char *kUsage =
    "usage: kvern-reference DIR... [--kind K[,K]] [--case C[,C]] [--cache NAME] [--device NAME] [--list] "
    "[--json]\n\n"
    "Replays every case of reference data in the folders, compares, prints a line per kind and closes with\n"
    "'N passed, N failed, N skipped'. Exits with 1 on a failure, if nothing passed, or on a skip whose "
    "reason\n"
    "docs/reference.md does not list.\n\n";

po::options_description options() {
  po::options_description visible("options");
  visible.add_options()("kind", po::value<std::string>()->value_name("K[,K]"), "only cases of these kinds")(
      "case", po::value<std::string>()->value_name("C[,C]"),
      "only the cases of these names, as --list prints them")(
      "cache", po::value<std::string>()->value_name("NAME"),
      "use this cache wherever a case leaves the choice")(
      "device", po::value<std::string>()->default_value("cpu")->value_name("NAME"),
      "compute there: cpu, cuda, cuda:1 (docs/devices.md)")(
      "plugin-path", po::value<std::vector<std::string>>()->value_name("DIR"),
      "look for cache plugins here first")("threads", po::value<int>()->default_value(1)->value_name("N"),
                                           "threads that compute; 0 = one per processor")(
      "list", "only name the cases")("json", "report as JSON")("help", "print this");
  return visible;
}

std::set<std::string> words(const std::string &list) {
  std::set<std::string> all;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) all.insert(word);
  return all;
}

/// Nothing if help was asked for.
std::optional<Arguments> parse(int argc, char **argv) {
  const auto visible = options();
  po::options_description all;
  all.add(visible).add_options()("folder", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("folder", -1);
  po::variables_map map;
  constexpr int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  po::store(po::command_line_parser(argc, argv).options(all).positional(positional).style(style).run(), map);
  if (map.count("help")) {
    std::cout << kUsage << visible;
    return {};
  }
  Arguments a;
  if (map.count("folder")) a.folders = map["folder"].as<std::vector<std::string>>();
  if (a.folders.empty()) throw Error(ErrorKind::usage, "no folder of reference data given; see --help");
  if (map.count("kind")) a.kinds = words(map["kind"].as<std::string>());
  if (map.count("case")) a.names = words(map["case"].as<std::string>());
  if (map.count("cache")) a.context.cache = map["cache"].as<std::string>();
  if (map.count("plugin-path"))
    for (const auto &dir : map["plugin-path"].as<std::vector<std::string>>())
      a.context.plugin_path.emplace_back(dir);
  a.context.device = map["device"].as<std::string>();
  a.list = map.count("list") > 0;
  a.json = map.count("json") > 0;
  a.threads = map["threads"].as<int>();
  return a;
}

/// Every word that was asked for is there.
void check_present(const std::set<std::string> &asked, const std::set<std::string> &present,
                   const char *what) {
  for (const auto &word : asked)
    if (!present.count(word))
      throw Error(ErrorKind::usage, std::string("no case of ") + what + " '" + word + "' in these folders" +
                                        did_you_mean(word, {present.begin(), present.end()}));
}

std::vector<Case> cases_of(const Arguments &a) {
  std::vector<Case> cases;
  std::set<std::string> kinds, names;
  for (const auto &folder : a.folders)
    for (auto &c : find_cases(folder)) {
      kinds.insert(c.kind);
      names.insert(c.name);
      const bool wanted =
          (a.kinds.empty() || a.kinds.count(c.kind)) && (a.names.empty() || a.names.count(c.name));
      if (wanted) cases.push_back(std::move(c));
    }
  check_present(a.kinds, kinds, "kind");
  check_present(a.names, names, "name");
  return cases;
}

int run(Arguments &a) {
  const auto cases = cases_of(a);
  if (a.list) {
    for (const auto &c : cases) std::cout << c.kind << '\t' << c.name << '\n';
    return 0;
  }
  keep_torch_single_threaded();
  set_threads(a.threads);
  c10::InferenceMode no_gradients;
  if (a.context.cache) find_plugin(*a.context.cache, a.context.plugin_path);
  Report report;
  for (const auto &c : cases)
    for (const auto &outcome : run_case(c, a.context)) report.add(c, outcome);
  a.json ? report.print_json(std::cout) : report.print(std::cout);
  return report.exit_code();
}

}  // namespace

int main(int argc, char **argv) {
  try {
    auto arguments = parse(argc, argv);
    return arguments ? run(*arguments) : 0;
  } catch (const Error &e) {
    std::cerr << "kvern-reference: " << e.what() << '\n';
    return e.exit_code();
  } catch (const po::error &e) {
    std::cerr << "kvern-reference: " << e.what() << "; see --help\n";
    return static_cast<int>(ErrorKind::usage);
  }
}
