#include "runtime/config/cache_text.hpp"

#include <kvern/error.hpp>
#include <variant>

#include "runtime/config/toml.hpp"

namespace kvern::config {

CacheText parse_cache_text(std::string_view text, const std::string &place) {
  const size_t brace = text.find('{');
  const std::string_view name = text.substr(0, brace);
  const size_t last = name.find_last_not_of(' ');
  CacheText result{std::string(name.substr(0, last == std::string_view::npos ? 0 : last + 1)), {}};
  Option options{OptionTable{}, place};
  if (brace != std::string_view::npos) options = parse_toml_value(text.substr(brace), place);
  auto *table = std::get_if<OptionTable>(&options.value);
  if (result.name.empty() || table == nullptr) {
    throw Error(ErrorKind::config,
                place + ": expected NAME, NAME{option = value, ...} or a TOML or JSON file");
  }
  result.options = std::move(*table);
  return result;
}

}  // namespace kvern::config
