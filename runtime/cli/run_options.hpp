// Options that several commands have in common, and their way into the configuration: flags override the file.
#pragma once
#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/config/run_config.hpp"

namespace kvern::cli {

namespace po = boost::program_options;

/// --config, --model, --dtype, --cache-dtype, --threads, --plugin-path, --memory-budget.
po::options_description model_options();

/// The same, --cache and --set.
po::options_description run_options();

/// --max-new-tokens and the other flags of generation.
po::options_description generation_options();

/// Parses without abbreviations; positional arguments go to `positional` (empty: none are allowed). Throws
/// po::error, with the nearest option for one that is unknown as Error(usage).
po::variables_map parse(const std::vector<std::string> &arguments, const po::options_description &options,
                        const std::string &positional = "");

/// Prints what --help of a command prints, and returns the exit code.
int print_help(const std::string &usage, const po::options_description &options);

/// The configuration: the file, --set in their order, then the flags.
config::RunConfig read_config(const po::variables_map &map);

}  // namespace kvern::cli
