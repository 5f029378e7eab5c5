// value.name and value[key], as Jinja's sandbox finds them: the one tries attributes first, the other items.
#pragma once
#include <optional>
#include <string>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

Value get_attribute(Runtime &runtime, const Value &value, const std::string &name);
Value get_item(Runtime &runtime, const Value &value, const Value &key);
/// value[start:stop:step], None where a part is absent.
Value get_slice(Runtime &runtime, const Value &value, const Value &start, const Value &stop,
                const Value &step);

/// The attribute alone, without items; nothing where there is none. What the sandbox refuses is an undefined value that
/// says so.
std::optional<Value> find_attribute(Runtime &runtime, const Value &value, const std::string &name);

/// Follows "a.b.0" of |map(attribute=...) and its like; the parts are items first.
Value get_path(Runtime &runtime, Value value, const Value &path, const Value *otherwise = nullptr);

}  // namespace kvern::templates
