// The tests of `is`.
#include "runtime/templates/arguments.hpp"
#include "runtime/templates/arithmetic.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/methods.hpp"
#include "runtime/templates/registry.hpp"
#include "runtime/templates/repr.hpp"

namespace kvern::templates {
namespace {

/// A test without arguments.
template <bool (*Is)(Runtime &, const Value &)>
bool plain(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("the test", arguments);
  return Is(runtime, value);
}

const Value &only(const Arguments &arguments) {
  if (arguments.positional.size() != 1 || !arguments.named.empty())
    type_error("the test takes exactly one argument (" + std::to_string(arguments.positional.size()) +
               " given)");
  return arguments.positional[0];
}

bool has_rest(Runtime &runtime, const Value &value, const Value &divisor, int64_t rest) {
  return is_equal(apply_binary(runtime, "%", value, divisor), Value(rest));
}

bool is_odd(Runtime &runtime, const Value &value) { return has_rest(runtime, value, Value(2), 1); }
bool is_even(Runtime &runtime, const Value &value) { return has_rest(runtime, value, Value(2), 0); }
bool is_divisible(Runtime &runtime, const Value &value, const Arguments &arguments) {
  return has_rest(runtime, value, only(arguments), 0);
}

bool is_defined(Runtime &, const Value &value) { return !value.is_undefined(); }
bool is_undefined(Runtime &, const Value &value) { return value.is_undefined(); }
bool is_filter(Runtime &runtime, const Value &value) {
  runtime.walk(value);
  hash(value);  // fails for a value that cannot be a key
  return value.is_text() && find_filter(value.str());
}
bool is_test(Runtime &runtime, const Value &value) {
  runtime.walk(value);
  hash(value);
  return value.is_text() && find_test(value.str());
}
bool is_none(Runtime &, const Value &value) { return value.is_none(); }
bool is_boolean(Runtime &, const Value &value) { return value.is_bool(); }
bool is_false(Runtime &, const Value &value) { return value.is_bool() && !value.as_bool(); }
bool is_really_true(Runtime &, const Value &value) { return value.is_bool() && value.as_bool(); }
bool is_integer(Runtime &, const Value &value) { return value.is_int(); }
bool is_float(Runtime &, const Value &value) { return value.is_float(); }
bool is_string(Runtime &, const Value &value) { return value.is_text(); }
bool is_mapping(Runtime &, const Value &value) { return value.is_dict(); }
bool is_number(Runtime &, const Value &value) { return value.is_number(); }
bool is_escaped(Runtime &, const Value &value) { return value.is_markup(); }

/// Whether the text of a value is wholly upper or lower case, by the method of that name.
bool has_case(Runtime &runtime, const Value &value, const char *method) {
  runtime.walk(value);
  return is_true(runtime, runtime.call(*find_method(Value(str(value)), method), {}));
}

bool is_lower(Runtime &runtime, const Value &value) { return has_case(runtime, value, "islower"); }
bool is_upper(Runtime &runtime, const Value &value) { return has_case(runtime, value, "isupper"); }

bool is_sequence(Runtime &, const Value &value) {
  if (value.is_object()) return value.as_object()->has_items();
  return value.is_text() || value.is_list() || value.is_dict() || value.is_undefined();
}

bool is_callable(Runtime &, const Value &value) {
  return value.is_undefined() || (value.is_object() && value.as_object()->is_callable());
}

bool is_same(Runtime &, const Value &value, const Arguments &arguments) {
  return value.is_same(only(arguments));
}
bool is_in(Runtime &runtime, const Value &value, const Arguments &arguments) {
  return contains(runtime, only(arguments), value);
}

bool equals(Runtime &runtime, const Value &value, const Arguments &arguments) {
  runtime.walk(value);
  return is_equal(value, only(arguments));
}
bool differs(Runtime &runtime, const Value &value, const Arguments &arguments) {
  return !equals(runtime, value, arguments);
}
bool is_above(Runtime &runtime, const Value &value, const Arguments &arguments) {
  runtime.walk(value);
  return is_less(only(arguments), value, ">");
}
bool is_below(Runtime &runtime, const Value &value, const Arguments &arguments) {
  runtime.walk(value);
  return is_less(value, only(arguments));
}
bool is_least(Runtime &runtime, const Value &value, const Arguments &arguments) {
  return is_above(runtime, value, arguments) || is_equal(value, only(arguments));
}
bool is_most(Runtime &runtime, const Value &value, const Arguments &arguments) {
  return is_below(runtime, value, arguments) || is_equal(value, only(arguments));
}

}  // namespace

std::span<const TestEntry> all_tests() {
  static constexpr TestEntry kTests[] = {
      {"odd", plain<is_odd>},
      {"even", plain<is_even>},
      {"divisibleby", is_divisible},
      {"defined", plain<is_defined>},
      {"undefined", plain<is_undefined>},
      {"filter", plain<is_filter>},
      {"test", plain<is_test>},
      {"none", plain<is_none>},
      {"boolean", plain<is_boolean>},
      {"false", plain<is_false>},
      {"true", plain<is_really_true>},
      {"integer", plain<is_integer>},
      {"float", plain<is_float>},
      {"lower", plain<is_lower>},
      {"upper", plain<is_upper>},
      {"string", plain<is_string>},
      {"mapping", plain<is_mapping>},
      {"number", plain<is_number>},
      {"sequence", plain<is_sequence>},
      {"iterable", plain<is_iterable>},
      {"callable", plain<is_callable>},
      {"sameas", is_same},
      {"escaped", plain<is_escaped>},
      {"in", is_in},
      {"==", equals},
      {"eq", equals},
      {"equalto", equals},
      {"!=", differs},
      {"ne", differs},
      {">", is_above},
      {"gt", is_above},
      {"greaterthan", is_above},
      {"ge", is_least},
      {">=", is_least},
      {"<", is_below},
      {"lt", is_below},
      {"lessthan", is_below},
      {"<=", is_most},
      {"le", is_most},
  };
  return kTests;
}

}  // namespace kvern::templates
