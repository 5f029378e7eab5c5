// Values as JSON: what |tojson writes (Python's json.dumps), and what a file of messages or tools holds.
#pragma once
#include <string>
#include <string_view>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

struct JsonStyle {
  bool ascii = false;
  std::string indent;  ///< of one level
  bool multiline = false;
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};

/// Fails for what JSON does not have: "Object of type Undefined is not JSON serializable".
std::string to_json(Budget &budget, const Value &value, const JsonStyle &style);
/// As a file holds it: lines indented by two spaces. Fails for what JSON does not have.
std::string to_json(const Value &value);

/// The value of a JSON text, dicts in the order of the text. Throws Error(kind): "PLACE: ...". Integers beyond 64 bits
/// become floats.
Value from_json(std::string_view text, const std::string &place, ErrorKind kind);

/// |tojson with the parameters that transformers gives it.
Value tojson(Runtime &runtime, const Value &value, const Arguments &arguments);

}  // namespace kvern::templates
