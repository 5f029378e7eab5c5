// Equality, order, hashing and membership of values, as Python has them.
#pragma once
#include <cstddef>

#include "runtime/templates/value.hpp"

namespace kvern::templates {

bool is_equal(const Value &a, const Value &b);
/// a < b, which is named `symbol` in the failure for values that have no order.
bool is_less(const Value &a, const Value &b, const char *symbol = "<");
size_t hash(const Value &value);  ///< fails for lists and dicts: "unhashable type: 'list'"
bool is_true(Runtime &runtime, const Value &value);
bool contains(Runtime &runtime, const Value &container, const Value &item);

}  // namespace kvern::templates
