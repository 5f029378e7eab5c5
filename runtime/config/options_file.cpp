#include "runtime/config/options_file.hpp"

#include <kvern/error.hpp>

#include "runtime/config/json.hpp"
#include "runtime/config/text/cursor.hpp"
#include "runtime/config/toml.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::config {
namespace {

std::string read_text(const std::filesystem::path &file) {
  try {
    return read_file(file, ErrorKind::config, kMaxText);
  } catch (const Error &error) {
    throw Error(error.kind(), std::string(error.what()) + "; a configuration is a TOML or JSON file");
  }
}

}  // namespace

OptionTable parse_options(std::string_view text, const std::string &name) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool braces = first != std::string_view::npos && text[first] == '{';
  return braces || name.ends_with(".json") ? parse_json(text, name) : parse_toml(text, name);
}

OptionTable read_options(const std::filesystem::path &file) {
  return parse_options(read_text(file), printable(file.string(), 4096));
}

}  // namespace kvern::config
