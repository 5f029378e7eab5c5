// Options that several commands have in common, made from their declarations, and their way into the configuration: flags
// override the file.
#pragma once
#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/config/run_config.hpp"

namespace kvern::cli {

namespace po = boost::program_options;

/// --config, --set and the flags that every command with a model has.
po::options_description model_options();

/// The same, --cache and --cache-config.
po::options_description run_options();

/// --seed, and a flag for each option of [generation].
po::options_description generation_options();

/// Parses without abbreviations; positional arguments go to `positional` (empty: none are allowed). --verbose is accepted
/// everywhere and takes effect here. Throws po::error, with the nearest option for one that is unknown as Error(usage).
po::variables_map parse(const std::vector<std::string> &arguments, const po::options_description &options,
                        const std::string &positional = "");

/// Prints what --help of a command prints, and returns the exit code.
int print_help(const std::string &usage, const po::options_description &options);

/// The value of --OPTION, one of `choices`. Throws Error(usage) with the nearest.
std::string one_of(const po::variables_map &map, const char *option, const std::vector<std::string> &choices);

/// The configuration: the file, --cache-config, --set in their order, then the flags.
config::RunConfig read_config(const po::variables_map &map);

}  // namespace kvern::cli
