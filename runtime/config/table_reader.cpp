// Messages have one form: PLACE: PATH: what is wrong. A place that names the key already (a --set) is not
// followed by the path again.
#include "runtime/config/table_reader.hpp"

#include <algorithm>
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

void TableReader::fail_type(const std::string &key, const std::string &required, const Option &found) const {
  fail(key, "expected " + required + ", found " + describe(found));
}

const OptionTable *TableReader::table(const std::string &key) {
  const Option *option = find(key);
  if (option == nullptr) return nullptr;
  const auto *value = std::get_if<OptionTable>(&option->value);
  if (value == nullptr) fail_type(key, "a table ([" + path_of(path_, key) + "])", *option);
  return value;
}

std::string TableReader::unknown_text(const std::string &key,
                                      std::initializer_list<const TableReader *> others) const {
  for (const TableReader *other : others) {
    if (!other->knows(key)) continue;
    return "; it belongs " + (other->path_.empty() ? "at the top level" : "in [" + other->path_ + "]");
  }
  return hint(key, known_);
}

void TableReader::finish(std::initializer_list<const TableReader *> others) const {
  constexpr size_t kNamed = 10;
  std::vector<const OptionTable::value_type *> unknown;
  for (const auto &item : table_)
    if (!knows(item.first)) unknown.push_back(&item);
  if (unknown.empty()) return;
  const auto &[first, option] = *unknown.front();
  std::string text = "unknown key " + in_quotes(first) + unknown_text(first, others);
  for (size_t i = 1; i < std::min(unknown.size(), kNamed); ++i) {
    const std::string near = nearest_name(unknown[i]->first, known_);
    text += (i > 1                ? ", "
             : text.back() == '?' ? " Also unknown: "
                                  : ". Also unknown: ") +
            in_quotes(unknown[i]->first) + " (" + unknown[i]->second.place +
            (near.empty() ? "" : ": did you mean '" + near + "'?") + ")";
  }
  if (unknown.size() > kNamed) text += " and " + std::to_string(unknown.size() - kNamed) + " more";
  refuse(option, path_of(path_, first), text);
}

}  // namespace kvern::config
