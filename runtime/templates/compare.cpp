#include "runtime/templates/compare.hpp"

#include <cmath>
#include <functional>

#include "runtime/templates/iterate.hpp"
#include "runtime/templates/runtime.hpp"

namespace kvern::templates {
namespace {

bool are_equal_lists(const List &a, const List &b) {
  if (a.is_tuple() != b.is_tuple() || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i)
    if (!is_equal(a.items[i], b.items[i])) return false;
  return true;
}

bool are_equal_dicts(const Dict &a, const Dict &b) {
  if (a.size() != b.size()) return false;
  for (const auto &[key, value] : a.entries()) {
    const Value *other = b.find(key);
    if (!other || !is_equal(value, *other)) return false;
  }
  return true;
}

bool are_equal_numbers(const Value &a, const Value &b) {
  return a.is_float() || b.is_float() ? a.as_double() == b.as_double() : a.as_int() == b.as_int();
}

bool is_less_list(const List &a, const List &b, const char *symbol) {
  for (size_t i = 0; i < a.items.size() && i < b.items.size(); ++i)
    if (!is_equal(a.items[i], b.items[i])) return is_less(a.items[i], b.items[i], symbol);
  return a.items.size() < b.items.size();
}

bool iterates_to(Runtime &runtime, const Value &container, const Value &item) {
  const auto iterator =
      iterate(runtime, container, "argument of type '" + container.type_name() + "' is not iterable");
  for (Value found; iterator->next(found);)
    if (is_equal(found, item)) return true;
  return false;
}

}  // namespace

bool is_equal(const Value &a, const Value &b) {
  if (a.is_number() && b.is_number()) return are_equal_numbers(a, b);
  if (a.is_text() && b.is_text()) return a.str() == b.str();
  if (a.is_list() && b.is_list()) return are_equal_lists(a.as_list(), b.as_list());
  if (a.is_dict() && b.is_dict()) return are_equal_dicts(a.as_dict(), b.as_dict());
  if (a.is_object() && b.is_object()) return a.as_object() == b.as_object();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

bool is_less(const Value &a, const Value &b, const char *symbol) {
  require_defined(a);
  require_defined(b);
  if (a.is_number() && b.is_number())
    return a.is_float() || b.is_float() ? a.as_double() < b.as_double() : a.as_int() < b.as_int();
  if (a.is_text() && b.is_text()) return a.str() < b.str();  // UTF-8 sorts as its characters do
  if (a.is_list() && b.is_list() && a.as_list().is_tuple() == b.as_list().is_tuple())
    return is_less_list(a.as_list(), b.as_list(), symbol);
  type_error(std::string("'") + symbol + "' not supported between instances of '" + a.type_name() +
             "' and '" + b.type_name() + "'");
}

size_t hash(const Value &value) {
  if (value.is_text()) return std::hash<std::string>()(value.str());
  if (value.is_integral()) return std::hash<double>()(static_cast<double>(value.as_int()));
  if (value.is_float()) return std::hash<double>()(value.as_double());
  if (value.is_object()) return std::hash<const void *>()(value.as_object().get());
  if (value.is_dict() || (value.is_list() && !value.as_list().is_tuple()))
    type_error("unhashable type: '" + value.type_name() + "'");
  if (!value.is_list()) return value.is_none() ? 1 : 2;
  size_t all = 7;
  for (const Value &item : value.as_list().items) all = all * 31 + hash(item);
  return all;
}

bool is_true(Runtime &runtime, const Value &value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_bool()) return value.as_bool();
  if (value.is_int()) return value.as_int() != 0;
  if (value.is_float()) return value.as_double() != 0;
  if (value.is_text()) return !value.str().empty();
  if (value.is_list()) return !value.as_list().items.empty();
  if (value.is_dict()) return value.as_dict().size() != 0;
  return value.as_object()->length(runtime).value_or(1) != 0;
}

bool contains(Runtime &runtime, const Value &container, const Value &item) {
  runtime.walk(container.is_dict() ? item : container);
  if (container.is_dict()) return container.as_dict().find(item) != nullptr;
  if (!container.is_text()) return iterates_to(runtime, container, item);
  if (!item.is_text()) type_error("'in <string>' requires string as left operand, not " + item.type_name());
  return container.str().find(item.str()) != std::string::npos;
}

}  // namespace kvern::templates
