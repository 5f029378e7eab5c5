// A JSON schema as it was read, and where its parts stand.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace kvern::constraint {

using Json = nlohmann::ordered_json;

/// A subschema; its address is its identity.
struct Subschema {
  const Json *json;
  std::string path;  ///< "#/properties/name"
  bool operator==(const Subschema &other) const { return json == other.json; }

  bool has(const char *key) const { return json->is_object() && json->contains(key); }
  const Json &at(const char *key) const { return json->at(key); }
  /// The subschema under a key, or under an index or a name below a key.
  Subschema child(const std::string &key) const;
  Subschema child(const std::string &key, size_t index) const;
  Subschema child(const std::string &key, const std::string &name) const;
};

class SchemaDocument {
 public:
  /// Throws Error(config), beginning with `name`: no JSON, a name that occurs twice in an object, nested too deep.
  SchemaDocument(std::string_view text, std::string name);
  SchemaDocument(const SchemaDocument &) = delete;

  Subschema root() const { return {&root_, "#"}; }
  /// What a $ref names. Throws Error(config): it is not in this document.
  Subschema resolve(const Subschema &from, const std::string &reference) const;
  /// Throws Error(config): "NAME: PATH/KEY: TEXT".
  [[noreturn]] void fail(const Subschema &at, const std::string &key, const std::string &text) const;

  // Values of keywords; Error(config) for a wrong type.
  int64_t count(const Subschema &at, const char *key) const;  ///< 0 or more
  bool boolean(const Subschema &at, const char *key) const;
  std::string text(const Subschema &at, const char *key) const;
  const Json &list(const Subschema &at, const char *key) const;   ///< not empty
  const Json &table(const Subschema &at, const char *key) const;  ///< an object
  const std::string &name() const { return name_; }

 private:
  Json root_;
  std::string name_;
};

/// Keys of an object in the order in which they stand.
std::vector<std::string> keys_of(const Json &object);

}  // namespace kvern::constraint
