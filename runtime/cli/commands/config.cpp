// kvern config: the configuration in force, as a file that resolves to the same, or with the source of each value.
#include "runtime/cli/command.hpp"
#include "runtime/cli/explain.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/run_options.hpp"
#include "runtime/config/option_text.hpp"
#include "runtime/run/resolved_config.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kUsage =
    "usage: kvern config [options]\n\n"
    "Prints the configuration that `kvern generate` would use with the same options: flags, --set and the "
    "file over the "
    "model's\n"
    "generation_config.json over the defaults. The output is a valid configuration that resolves to the "
    "same.\n\n"
    "  kvern config --config run.toml --output json\n"
    "  kvern config --model DIR --set generation.top_k=5 --diff > run.toml\n\n";

po::options_description all_options() {
  po::options_description o("output", 110);
  o.add_options()("output", po::value<std::string>()->default_value("toml")->value_name("toml|json|markdown"),
                  "output format; markdown: the table of all options")(
      "diff", "only what differs from the defaults")("help", "print this");
  po::options_description all;
  all.add(run_options()).add(generation_options()).add(o);
  return all;
}

int run(const std::vector<std::string> &arguments) {
  const auto options = all_options();
  const auto map = parse(arguments, options);
  if (map.count("help")) return print_help(kUsage, options);
  const auto form = one_of(map, "output", {"toml", "json", "markdown"});
  if (form == "markdown") {
    write_text(options_markdown());
    return 0;
  }
  const auto values = resolve_config(read_config(map));
  if (map.count("explain")) {
    write_text(explanation(values, map.count("diff") > 0));
    return 0;
  }
  const auto table = as_options(values, map.count("diff") > 0);
  form == "json" ? write_json(config::to_json(table)) : write_text(config::to_toml(table));
  return 0;
}

}  // namespace

extern constinit const Command command_config{"config", "print the resolved configuration", run};

}  // namespace kvern::cli
