#include "runtime/files/json_option.hpp"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

namespace kvern::files {
namespace {

using nlohmann::json;

Option number_option(const json &value, const std::string &place) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  const bool integer = value.is_number_unsigned() ? value.get<uint64_t>() <= kMax : value.is_number_integer();
  if (integer) return {value.get<int64_t>(), place};
  return {value.get<double>(), place};
}

/// The object that Python writes for a value that JSON lacks (infinity, NaN), as JsonObject keeps it.
std::optional<double> python_number(const json &value) {
  if (!value.is_object() || value.size() != 1 || !value.contains("__float__")) return {};
  const json &name = value.at("__float__");
  if (name == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (name == "Infinity") return std::numeric_limits<double>::infinity();
  if (name == "-Infinity") return -std::numeric_limits<double>::infinity();
  return {};
}

Option table_option(const json &value, const std::string &place) {
  OptionTable table;
  for (const auto &[key, item] : value.items()) table.emplace_back(key, option_of(item, place));
  return {std::move(table), place};
}

Option array_option(const json &value, const std::string &place) {
  OptionArray array;
  for (const json &item : value) array.push_back(option_of(item, place));
  return {std::move(array), place};
}

}  // namespace

Option option_of(const json &value, const std::string &place) {
  if (value.is_boolean()) return {value.get<bool>(), place};
  if (value.is_number()) return number_option(value, place);
  if (value.is_string()) return {value.get<std::string>(), place};
  if (const auto number = python_number(value)) return {*number, place};
  if (value.is_object()) return table_option(value, place);
  if (value.is_array()) return array_option(value, place);
  return {std::string("none"), place};
}

}  // namespace kvern::files
