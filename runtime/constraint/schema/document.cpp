#include "runtime/constraint/schema/document.hpp"

#include <cmath>
#include <kvern/error.hpp>

#include "runtime/support/json_keys.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::constraint {
namespace {

constexpr int kMaxSchemaDepth = 100;

/// A name of a path, escaped as in a JSON pointer.
std::string escaped(const std::string &name) {
  std::string result;
  for (const char c : name) {
    if (c == '~')
      result += "~0";
    else if (c == '/')
      result += "~1";
    else
      result += c;
  }
  return printable(result);
}

std::string unescaped(std::string_view part) {
  std::string result;
  for (size_t i = 0; i < part.size(); ++i) {
    const bool escape = part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1');
    result += escape ? (part[++i] == '0' ? '~' : '/') : part[i];
  }
  return result;
}

const Json *step(const Json *at, const std::string &part) {
  if (at->is_object()) return at->contains(part) ? &at->at(part) : nullptr;
  const bool index =
      !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
  if (!at->is_array() || !index) return nullptr;
  const size_t i = std::stoul(part);
  return i < at->size() ? &(*at)[i] : nullptr;
}

}  // namespace

Subschema Subschema::child(const std::string &key) const { return {&json->at(key), path + "/" + key}; }
Subschema Subschema::child(const std::string &key, size_t index) const {
  return {&json->at(key).at(index), path + "/" + key + "/" + std::to_string(index)};
}
Subschema Subschema::child(const std::string &key, const std::string &name) const {
  return {&json->at(key).at(name), path + "/" + key + "/" + escaped(name)};
}

SchemaDocument::SchemaDocument(std::string_view text, std::string name) : name_(std::move(name)) {
  const auto watch = [&](int depth, Json::parse_event_t, Json &) {
    if (depth > kMaxSchemaDepth)
      throw Error(ErrorKind::config,
                  name_ + ": nested more than " + std::to_string(kMaxSchemaDepth) + " deep");
    return true;
  };
  try {
    root_ = Json::parse(text, watch);
  } catch (const nlohmann::json::exception &e) {
    throw Error(ErrorKind::config, name_ + ": no JSON: " + printable(e.what(), 200));
  }
  if (const auto key = repeated_key<Json>(text))
    throw Error(ErrorKind::config, name_ + ": the key " + in_quotes(*key) + " occurs twice in one object");
}

Subschema SchemaDocument::resolve(const Subschema &from, const std::string &reference) const {
  if (!reference.starts_with('#') || (reference.size() > 1 && reference[1] != '/'))
    fail(from, "$ref",
         in_quotes(reference) +
             " is not supported: a reference is # or #/path/to/a/schema of the same document");
  const Json *at = &root_;
  std::string_view rest = std::string_view(reference).substr(1);
  while (!rest.empty() && at != nullptr) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    at = step(at, unescaped(rest.substr(0, end)));
    rest.remove_prefix(end);
  }
  if (at == nullptr) fail(from, "$ref", "there is nothing at " + in_quotes(reference));
  return {at, printable(reference)};
}

void SchemaDocument::fail(const Subschema &at, const std::string &key, const std::string &text) const {
  throw Error(ErrorKind::config, name_ + ": " + at.path + (key.empty() ? "" : "/" + key) + ": " + text);
}

int64_t SchemaDocument::count(const Subschema &at, const char *key) const {
  const Json &value = at.at(key);
  const double n = value.is_number() ? value.get<double>() : -1;
  if (!(n >= 0 && n <= 4e9 && n == std::floor(n)))
    fail(at, key, "expected a whole number from 0 to 4000000000");
  return static_cast<int64_t>(n);
}

bool SchemaDocument::boolean(const Subschema &at, const char *key) const {
  if (!at.at(key).is_boolean()) fail(at, key, "expected true or false");
  return at.at(key).get<bool>();
}

std::string SchemaDocument::text(const Subschema &at, const char *key) const {
  if (!at.at(key).is_string()) fail(at, key, "expected a string");
  return at.at(key).get<std::string>();
}

const Json &SchemaDocument::list(const Subschema &at, const char *key) const {
  if (!at.at(key).is_array() || at.at(key).empty()) fail(at, key, "expected a list that is not empty");
  return at.at(key);
}

const Json &SchemaDocument::table(const Subschema &at, const char *key) const {
  if (!at.at(key).is_object()) fail(at, key, "expected an object");
  return at.at(key);
}

std::vector<std::string> keys_of(const Json &object) {
  std::vector<std::string> keys;
  for (const auto &[key, value] : object.items()) keys.push_back(key);
  return keys;
}

}  // namespace kvern::constraint
