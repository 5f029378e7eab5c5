// The tree behind JsonObject is nlohmann's; what is added here are strictness about duplicates, Python's
// spelling of numbers that JSON lacks, and messages.
#include "runtime/files/json.hpp"

#include <algorithm>
#include <cmath>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>

#include "runtime/support/json_depth.hpp"
#include "runtime/support/json_keys.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::files {
namespace {

using nlohmann::json;

constexpr const char *kFloatKey = "__float__";  // as transformers 5 writes what JSON has no number for

constexpr std::string_view kPythonNumbers[] = {"-Infinity", "Infinity", "NaN"};

bool has_python_number(std::string_view text) {
  for (const std::string_view number : kPythonNumbers) {
    if (text.find(number) != std::string_view::npos) return true;
  }
  return false;
}

std::string_view python_number_at(std::string_view text, size_t i) {
  for (const std::string_view number : kPythonNumbers) {
    if (text.compare(i, number.size(), number) == 0) return number;
  }
  return {};
}

// Outside of strings, NaN and Infinity become {"__float__": "..."}; everything else stays, line breaks
// included.
std::string without_python_numbers(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      out.append(text.substr(i, 2));
      i += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    const std::string_view number = in_string ? std::string_view() : python_number_at(text, i);
    if (number.empty()) {
      out += c;
      ++i;
    } else {
      out.append("{\"").append(kFloatKey).append("\":\"").append(number).append("\"}");
      i += number.size();
    }
  }
  return out;
}

// "parse error at line 3, column 5: ..." of an exception's text, without the library's own prefix.
std::string parse_message(const json::exception &error) {
  const std::string_view what = error.what();
  const size_t bracket = what.find("] ");
  return printable(bracket == std::string_view::npos ? what : what.substr(bracket + 2), 300);
}

json parse_strict(std::string_view text, const std::string &place) {
  check_json_depth(text, place);
  try {
    if (const auto key = repeated_key<json>(text))
      throw Error(ErrorKind::model, place + ": the key " + in_quotes(*key) +
                                        " stands twice in one object; each key may be given once");
    return json::parse(text);
  } catch (const json::exception &error) {
    throw Error(ErrorKind::model, place + ": is not valid JSON: " + parse_message(error));
  }
}

bool is_python_number(const json &value) {
  if (!value.is_object() || value.size() != 1) return false;
  const auto name = value.find(kFloatKey);
  return name != value.end() && (*name == "Infinity" || *name == "-Infinity" || *name == "NaN");
}

// What a message says of a value: its kind, and a number itself.
std::string kind_of(const json &value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::boolean:
      return "a boolean";
    case json::value_t::string:
      return "a string";
    case json::value_t::array:
      return "a list";
    case json::value_t::object:
      return is_python_number(value) ? "the number " + value.at(kFloatKey).get<std::string>() : "an object";
    case json::value_t::number_float:
      return "the number " + value.dump();
    default:
      return "the integer " + value.dump();
  }
}

std::optional<int64_t> as_integer(const json &value) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()})
    return {};
  if (value.is_number_integer()) return value.get<int64_t>();
  return {};
}

// An integer beyond 64 bits is a floating-point number to the parser.
bool is_too_large(const json &value) {
  return value.is_number_unsigned() || (value.is_number_float() && std::abs(value.get<double>()) >= 0x1p63);
}

std::optional<double> as_number(const json &value) {
  if (value.is_number()) return value.get<double>();
  if (!is_python_number(value)) return {};
  const json &name = value.at(kFloatKey);
  if (name == "NaN") return std::numeric_limits<double>::quiet_NaN();
  return name == "Infinity" ? std::numeric_limits<double>::infinity()
                            : -std::numeric_limits<double>::infinity();
}

}  // namespace

JsonObject::JsonObject(std::shared_ptr<const json> document, const json *node, std::string place,
                       std::string path)
    : document_(std::move(document)), node_(node), place_(std::move(place)), path_(std::move(path)) {}

JsonObject JsonObject::parse(std::string_view text, const std::string &place) {
  auto document = std::make_shared<const json>(
      parse_strict(has_python_number(text) ? without_python_numbers(text) : text, place));
  if (!document->is_object()) {
    throw Error(ErrorKind::model,
                place + ": expected an object ({...}) at the top, found " + kind_of(*document));
  }
  const json *top = document.get();
  return {std::move(document), top, place, ""};
}

JsonObject JsonObject::read(const std::filesystem::path &path) {
  const std::string text = read_file(path, ErrorKind::model);
  const std::string place = printable(path.string(), 4096);
  if (text.empty()) throw Error(ErrorKind::model, place + ": is empty; expected a JSON object");
  return parse(text, place);
}

JsonObject JsonObject::with_defaults(const std::string &text,
                                     const std::vector<std::string> &nullable) const {
  auto filled = std::make_shared<json>(*node_);
  const json defaults = json::parse(text);
  for (const auto &[key, value] : defaults.items()) {
    const auto found = filled->find(key);
    const bool may_be_null =
        value.is_boolean() || std::find(nullable.begin(), nullable.end(), key) != nullable.end();
    if (found == filled->end() || (found->is_null() && !may_be_null)) (*filled)[key] = value;
  }
  const json *top = filled.get();
  return {std::move(filled), top, place_, path_};
}

bool JsonObject::has(const std::string &key) const { return find(key) != nullptr; }

std::vector<std::string> JsonObject::keys() const {
  std::vector<std::string> names;
  for (const auto &[name, value] : node_->items()) names.push_back(name);
  return names;
}

int64_t JsonObject::integer(const std::string &key) const {
  const json &value = require(key);
  if (const auto number = as_integer(value)) return *number;
  fail(key, "expected an integer" + std::string(is_too_large(value) ? " of 64 bits" : "") + ", found " +
                kind_of(value));
}

int64_t JsonObject::integer(const std::string &key, int64_t otherwise) const {
  return has(key) ? integer(key) : otherwise;
}

int64_t JsonObject::size(const std::string &key) const {
  const int64_t value = integer(key);
  if (value >= 1 && value <= std::numeric_limits<int32_t>::max()) return value;
  fail(key, "expected an integer from 1 to 2147483647, found " + std::to_string(value));
}

int64_t JsonObject::size(const std::string &key, int64_t otherwise) const {
  return has(key) ? size(key) : otherwise;
}

double JsonObject::number(const std::string &key) const {
  const json &value = require(key);
  const auto number = as_number(value);
  if (number && std::isfinite(*number)) return *number;
  fail(key, std::string("expected a ") + (number ? "finite " : "") + "number, found " + kind_of(value));
}

double JsonObject::number(const std::string &key, double otherwise) const {
  return has(key) ? number(key) : otherwise;
}

bool JsonObject::boolean(const std::string &key) const {
  const json &value = require(key);
  if (value.is_boolean()) return value.get<bool>();
  fail(key, "expected true or false, found " + kind_of(value));
}

bool JsonObject::boolean(const std::string &key, bool otherwise) const {
  return has(key) ? boolean(key) : otherwise;
}

std::string JsonObject::string(const std::string &key) const {
  const json &value = require(key);
  if (value.is_string()) return value.get<std::string>();
  fail(key, "expected a string, found " + kind_of(value));
}

std::string JsonObject::string(const std::string &key, const std::string &otherwise) const {
  return has(key) ? string(key) : otherwise;
}

std::vector<int64_t> JsonObject::integers(const std::string &key) const {
  const json &list = require(key);
  if (!list.is_array()) fail(key, "expected a list of integers, found " + kind_of(list));
  std::vector<int64_t> values;
  for (const json &item : list) {
    const auto value = as_integer(item);
    if (!value) {
      fail(key + "[" + std::to_string(values.size()) + "]", "expected an integer, found " + kind_of(item));
    }
    values.push_back(*value);
  }
  return values;
}

std::vector<int64_t> JsonObject::integer_or_list(const std::string &key) const {
  const json *value = find(key);
  if (value == nullptr) return {};
  if (value->is_array()) return integers(key);
  if (const auto number = as_integer(*value)) return {*number};
  fail(key, "expected an integer or a list of integers, found " + kind_of(*value));
}

std::vector<double> JsonObject::numbers(const std::string &key) const {
  const json &list = require(key);
  if (!list.is_array()) fail(key, "expected a list of numbers, found " + kind_of(list));
  std::vector<double> values;
  for (const json &item : list) {
    const auto value = as_number(item);
    if (!value) {
      fail(key + "[" + std::to_string(values.size()) + "]", "expected a number, found " + kind_of(item));
    }
    values.push_back(*value);
  }
  return values;
}

std::vector<std::string> JsonObject::strings(const std::string &key) const {
  const json &list = require(key);
  if (!list.is_array()) fail(key, "expected a list of strings, found " + kind_of(list));
  std::vector<std::string> values;
  for (const json &item : list) {
    if (!item.is_string()) {
      fail(key + "[" + std::to_string(values.size()) + "]", "expected a string, found " + kind_of(item));
    }
    values.push_back(item.get<std::string>());
  }
  return values;
}

JsonObject JsonObject::object(const std::string &key) const {
  const json &value = require(key);
  if (!value.is_object()) fail(key, "expected an object, found " + kind_of(value));
  return {document_, &value, place_, path_ + key + "."};
}

bool JsonObject::is_object(const std::string &key) const {
  const json *value = find(key);
  return value != nullptr && value->is_object();
}

bool JsonObject::is_string(const std::string &key) const {
  const json *value = find(key);
  return value != nullptr && value->is_string();
}

std::string JsonObject::place(const std::string &key) const {
  return place_ + ": " + printable(path_ + key, 300);
}

void JsonObject::fail(const std::string &key, const std::string &text) const {
  throw Error(ErrorKind::model, place(key) + ": " + text);
}

const json *JsonObject::find(const std::string &key) const {
  const auto found = node_->find(key);
  return found == node_->end() || found->is_null() ? nullptr : &*found;
}

const json &JsonObject::require(const std::string &key) const {
  if (const json *value = find(key)) return *value;
  const bool is_null = node_->contains(key);
  fail(key, is_null ? "is null; a value is needed" : "is missing" + did_you_mean(key, keys()));
}

}  // namespace kvern::files
