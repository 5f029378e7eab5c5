// Messages have one form: PLACE: PATH: what is wrong. A place that names the key already (a --set) is not
// followed by the path again.
#include "runtime/config/table_reader.hpp"

#include <algorithm>
#include <cmath>
#include <kvern/error.hpp>
#include <sstream>

#include "runtime/support/printable.hpp"

namespace kvern::config {
namespace {

std::string path_of(const std::string &path, const std::string &key) {
  return path.empty() ? key : path + "." + key;
}

[[noreturn]] void refuse(const Option &option, const std::string &path, const std::string &text) {
  const bool place_names_key = option.place.rfind("--", 0) == 0;
  std::string where = option.place;
  if (!where.empty()) where += ": ";
  if (!place_names_key) where += printable(path, 300) + ": ";
  throw Error(ErrorKind::config, where + text);
}

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

const Option *find_key(const OptionTable &table, const std::string &key) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto &item) { return item.first == key; });
  return found == table.end() ? nullptr : &found->second;
}

std::string list_of(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string &name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

// "; did you mean 'x'?", or all names where none is near.
std::string hint(const std::string &key, const std::vector<std::string> &names) {
  const std::string near = did_you_mean(key, names);
  return near.empty() ? "; known are " + list_of(names) : near;
}

}  // namespace

std::string describe(const Option &option) {
  struct Words {
    std::string operator()(bool value) const { return value ? "the boolean true" : "the boolean false"; }
    std::string operator()(int64_t value) const { return "the integer " + std::to_string(value); }
    std::string operator()(double value) const { return "the number " + number_text(value); }
    std::string operator()(const std::string &value) const { return "the string " + in_quotes(value); }
    std::string operator()(const OptionTable &) const { return "a table"; }
    std::string operator()(const OptionArray &) const { return "a list"; }
  };
  return std::visit(Words(), option.value);
}

TableReader::TableReader(const OptionTable &table, std::string path)
    : table_(table), path_(std::move(path)) {}

const Option *TableReader::find(const std::string &key) {
  if (!knows(key)) known_.push_back(key);
  return find_key(table_, key);
}

bool TableReader::knows(const std::string &key) const {
  return std::find(known_.begin(), known_.end(), key) != known_.end();
}

void TableReader::fail(const std::string &key, const std::string &text) const {
  const Option *option = find_key(table_, key);
  refuse(option == nullptr ? Option{} : *option, path_of(path_, key), text);
}

void TableReader::fail_type(const std::string &key, const std::string &wanted, const Option &found) const {
  fail(key, "expected " + wanted + ", found " + describe(found));
}

void TableReader::read(const std::string &key, std::optional<bool> &out) {
  const Option *option = find(key);
  if (option == nullptr) return;
  const bool *value = std::get_if<bool>(&option->value);
  if (value == nullptr) fail_type(key, "true or false", *option);
  out = *value;
}

void TableReader::read(const std::string &key, std::optional<int64_t> &out, int64_t least) {
  const Option *option = find(key);
  if (option == nullptr) return;
  const int64_t *value = std::get_if<int64_t>(&option->value);
  if (value == nullptr || *value < least) {
    fail_type(key, "an integer of " + std::to_string(least) + " or more", *option);
  }
  out = *value;
}

void TableReader::read(const std::string &key, std::optional<std::string> &out) {
  const Option *option = find(key);
  if (option == nullptr) return;
  const std::string *value = std::get_if<std::string>(&option->value);
  if (value == nullptr) fail_type(key, "a string", *option);
  if (value->empty()) fail(key, "is an empty string");
  out = *value;
}

void TableReader::read(const std::string &key, std::optional<double> &out, bool (*accept)(double),
                       const std::string &wanted) {
  const Option *option = find(key);
  if (option == nullptr) return;
  const double *number = std::get_if<double>(&option->value);
  const int64_t *integer = std::get_if<int64_t>(&option->value);
  const double value = number != nullptr ? *number : integer != nullptr ? static_cast<double>(*integer) : NAN;
  if (!std::isfinite(value) || !accept(value)) fail_type(key, wanted, *option);
  out = value;
}

void TableReader::read(const std::string &key, std::optional<std::vector<int64_t>> &out, int64_t least) {
  const Option *option = find(key);
  if (option == nullptr) return;
  const std::string wanted = "an integer of " + std::to_string(least) + " or more, or a list of such";
  const auto *array = std::get_if<OptionArray>(&option->value);
  std::vector<int64_t> values;
  for (const Option &item : array != nullptr ? *array : OptionArray{*option}) {
    const int64_t *value = std::get_if<int64_t>(&item.value);
    if (value == nullptr || *value < least) fail_type(key, wanted, item);
    values.push_back(*value);
  }
  out = std::move(values);
}

void TableReader::read(const std::string &key, std::optional<std::vector<std::string>> &out) {
  const Option *option = find(key);
  if (option == nullptr) return;
  const auto *array = std::get_if<OptionArray>(&option->value);
  std::vector<std::string> values;
  for (const Option &item : array != nullptr ? *array : OptionArray{*option}) {
    const std::string *value = std::get_if<std::string>(&item.value);
    if (value == nullptr || value->empty()) fail_type(key, "a string or a list of strings, none empty", item);
    values.push_back(*value);
  }
  out = std::move(values);
}

const OptionTable *TableReader::table(const std::string &key) {
  const Option *option = find(key);
  if (option == nullptr) return nullptr;
  const auto *value = std::get_if<OptionTable>(&option->value);
  if (value == nullptr) fail_type(key, "a table ([" + path_of(path_, key) + "])", *option);
  return value;
}

void TableReader::finish(std::initializer_list<const TableReader *> others) const {
  for (const auto &[key, option] : table_) {
    if (knows(key)) continue;
    const std::string unknown = "unknown key " + in_quotes(key);
    for (const TableReader *other : others) {
      if (!other->knows(key)) continue;
      const std::string where = other->path_.empty() ? "at the top level" : "in [" + other->path_ + "]";
      refuse(option, path_of(path_, key), unknown + "; it belongs " + where);
    }
    refuse(option, path_of(path_, key), unknown + hint(key, known_));
  }
}

}  // namespace kvern::config
