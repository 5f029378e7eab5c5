// kvern generate --prompts: many prompts through one model, JSON lines in and out.
#pragma once
#include "runtime/cli/run_options.hpp"

namespace kvern::cli {

/// --prompts, --output-file, --resume.
po::options_description prompts_options();

/// Throws Error(usage) for options that do not go with --prompts, or need it.
void check_prompts_options(const po::variables_map &map);

/// The configuration has been checked. Returns the exit code: that of lines that are wrong (6), else of those without memory (7).
int generate_prompts(const po::variables_map &map, config::RunConfig config);

}  // namespace kvern::cli
