// Options explained: where each value of a configuration came from (--explain), and what each is (the documentation).
#pragma once
#include <string>
#include <vector>

#include "runtime/run/resolved_config.hpp"

namespace kvern::cli {

/// A table of keys, values and sources; with `only_diff` only what differs from the defaults.
std::string explanation(const std::vector<ResolvedValue> &values, bool only_diff);

/// Markdown tables of all options of a run and of generation: the key, what it takes, its default, what it does.
std::string options_markdown();

}  // namespace kvern::cli
