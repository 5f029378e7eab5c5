#include "runtime/cli/cache_argument.hpp"

#include <kvern/error.hpp>

#include "runtime/config/toml.hpp"
#include "runtime/run/run.hpp"

namespace kvern::cli {
namespace {

void take_file(const std::string &path, config::RunConfig &to) {
  auto file = config::load_run_config(path);
  to.cache_implementation = std::move(file.cache_implementation);
  to.cache_config = std::move(file.cache_config);
  if (file.cache_dtype) to.cache_dtype = file.cache_dtype;
  if (file.memory_budget) to.memory_budget = file.memory_budget;
  to.plugin_path.insert(to.plugin_path.begin(), file.plugin_path.begin(), file.plugin_path.end());
}

void take_inline(const std::string &place, const std::string &text, size_t brace, config::RunConfig &to) {
  const auto name_end = text.find_last_not_of(' ', brace ? brace - 1 : 0);
  const auto options = config::parse_toml_value(text.substr(brace), place);
  if (brace == 0 || name_end == std::string::npos || !std::holds_alternative<OptionTable>(options.value))
    throw Error(ErrorKind::config, place + ": expected NAME, NAME{option = value, ...} or a TOML file");
  to.cache_implementation = text.substr(0, name_end + 1);
  to.cache_config = std::get<OptionTable>(options.value);
}

}  // namespace

config::RunConfig read_cache_argument(const std::string &option, const std::string &text,
                                      const config::RunConfig &base) {
  config::RunConfig result = base;
  const auto brace = text.find('{');
  if (text.ends_with(".toml")) {
    take_file(text, result);
  } else if (brace != std::string::npos) {
    take_inline(option + " " + text, text, brace, result);
  } else {
    result.cache_implementation = text;
    result.cache_config.clear();
  }
  check_cache(result);
  return result;
}

}  // namespace kvern::cli
