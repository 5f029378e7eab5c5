// The options of a run outside [generation] and [cache_config]. Each is declared once; keys of TOML and JSON, flags, help,
// checks, `kvern config` and the table of docs/configuration.md follow from the declaration.
#pragma once
#include <filesystem>
#include <kvern/generation_options.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/config/run_config.hpp"
#include "runtime/config/table_reader.hpp"

namespace kvern::config {

/// Which commands have the flag: all that open a model, those that open one cache, those that generate.
enum class FlagGroup { model, cache, generation };

struct RunOption {
  OptionDeclaration declared;
  std::string_view flag;        ///< without "--"
  std::string_view value_name;  ///< in --help
  FlagGroup group = FlagGroup::model;
  /// Stores a value that suits the declaration. Relative paths of files are meant from `folder`. Throws Error(config).
  void (*store)(TableReader &reader, const Option &value, const std::filesystem::path &folder, RunConfig &to);
  /// The value in force, paths made absolute; nothing where there is none.
  std::optional<Option> (*get)(const RunConfig &config);
};

/// In the order of the documentation.
std::span<const RunOption> run_options();

/// Whether a value stands on the command line (a flag, --set), where paths are meant from the working directory.
bool is_of_command_line(const Option &value);

/// What help and documentation say after the type: "; default: X", or "" for none.
std::string default_text(const OptionDeclaration &declared);

}  // namespace kvern::config
