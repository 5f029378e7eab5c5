#include "runtime/cli/cache_argument.hpp"

#include <kvern/generation.hpp>
#include <utility>

#include "runtime/config/cache_text.hpp"
#include "runtime/run/session.hpp"

namespace kvern::cli {
namespace {

void take_file(const std::string &path, config::RunConfig &to) {
  auto file = config::load_run_config(path, {}, kvern::generation_options());
  to.cache_implementation = std::move(file.cache_implementation);
  to.cache_config = std::move(file.cache_config);
  if (file.cache_dtype) to.cache_dtype = file.cache_dtype;
  if (file.memory_budget) to.memory_budget = file.memory_budget;
  if (file.host_memory_budget) to.host_memory_budget = file.host_memory_budget;
  to.plugin_path.insert(to.plugin_path.begin(), file.plugin_path.begin(), file.plugin_path.end());
}

}  // namespace

config::RunConfig read_cache_argument(const std::string &option, const std::string &text,
                                      const config::RunConfig &base) {
  config::RunConfig result = base;
  if (text.ends_with(".toml") || text.ends_with(".json")) {
    take_file(text, result);
  } else {
    auto cache = config::parse_cache_text(text, option + " " + text);
    result.cache_implementation = std::move(cache.name);
    result.cache_config = std::move(cache.options);
  }
  check_cache(result);
  return result;
}

std::vector<std::string> split_caches(const std::string &text) {
  std::vector<std::string> parts{""};
  int depth = 0;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0)
      quote = c == quote ? 0 : quote;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == '{' || c == '[')
      ++depth;
    else if (c == '}' || c == ']')
      --depth;
    else if (c == ',' && depth <= 0) {
      parts.emplace_back();
      continue;
    }
    parts.back() += c;
  }
  return parts;
}

}  // namespace kvern::cli
