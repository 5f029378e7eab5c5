#include "runtime/templates/arithmetic.hpp"

#include <cmath>

#include "runtime/templates/printf_format.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

[[noreturn]] void overflow() { fail(Failure::Kind::overflow, "an integer of more than 64 bits"); }
[[noreturn]] void divided_by_zero(const char *what) { fail(Failure::Kind::other, what); }

Value from_wide(__int128 value) {
  if (value > INT64_MAX || value < INT64_MIN) overflow();
  return Value(static_cast<int64_t>(value));
}

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == -1 && a == INT64_MIN) overflow();
  const int64_t quotient = a / b;
  return quotient - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

Value integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) divided_by_zero("0.0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  if (base == 0 || base == 1) return Value(exponent == 0 ? int64_t{1} : base);
  if (base == -1) return Value(exponent % 2 ? int64_t{-1} : int64_t{1});
  __int128 result = 1;
  for (int64_t i = 0; i < exponent; ++i) {
    result *= base;
    if (result > INT64_MAX || result < INT64_MIN) overflow();
  }
  return from_wide(result);
}

Value integers(std::string_view op, int64_t a, int64_t b) {
  const auto wide = static_cast<__int128>(a);
  if (op == "+") return from_wide(wide + b);
  if (op == "-") return from_wide(wide - b);
  if (op == "*") return from_wide(wide * b);
  if (op == "**") return integer_power(a, b);
  if (b == 0) divided_by_zero(op == "/" ? "division by zero" : "integer division or modulo by zero");
  if (op == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
  if (op == "//") return Value(floor_divide(a, b));
  return b == -1 ? Value(int64_t{0}) : Value(a - b * floor_divide(a, b));
}

double float_modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  return rest != 0 ? rest : std::copysign(0.0, b);
}

double float_floor_divide(double a, double b) {
  const double quotient = (a - float_modulo(a, b)) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

Value floats(std::string_view op, double a, double b) {
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (op == "**") {
    if (a == 0 && b < 0) divided_by_zero("0.0 cannot be raised to a negative power");
    if (a < 0 && std::isfinite(b) && b != std::floor(b))
      type_error("a complex number, which templates here do not have");
    return Value(std::pow(a, b));
  }
  if (b == 0)
    divided_by_zero(op == "/"    ? "float division by zero"
                    : op == "//" ? "float floor division by zero"
                                 : "float modulo");
  if (op == "/") return Value(a / b);
  return Value(op == "//" ? float_floor_divide(a, b) : float_modulo(a, b));
}

Value repeat(Runtime &runtime, const Value &value, int64_t count) {
  if (count < 0) count = 0;
  const auto size = static_cast<__int128>(value.is_text() ? value.str().size()
                                                          : value.as_list().items.size() * sizeof(Value));
  const __int128 bytes = size * count;
  runtime.budget().make(bytes > INT64_MAX ? INT64_MAX : static_cast<int64_t>(bytes));
  if (value.is_text()) {
    std::string out;
    out.reserve(static_cast<size_t>(bytes));
    for (int64_t i = 0; i < count && size; ++i) out += value.str();
    return Value(std::move(out), value.is_markup());
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < count && size; ++i)
    items.insert(items.end(), value.as_list().items.begin(), value.as_list().items.end());
  return Value::list(std::move(items), value.as_list().is_tuple() ? List::Kind::tuple : List::Kind::list);
}

bool is_sequence(const Value &value) { return value.is_text() || value.is_list(); }

Value add_texts(Runtime &runtime, const Value &a, const Value &b) {
  runtime.budget().make(static_cast<int64_t>(a.str().size() + b.str().size()));
  if (!a.is_markup() && !b.is_markup()) return Value(a.str() + b.str());
  return Value(
      (a.is_markup() ? a.str() : escape_html(a.str())) + (b.is_markup() ? b.str() : escape_html(b.str())),
      true);
}

Value add_lists(Runtime &runtime, const List &a, const List &b) {
  runtime.budget().make(static_cast<int64_t>((a.items.size() + b.items.size()) * sizeof(Value)));
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return Value::list(std::move(items), a.is_tuple() ? List::Kind::tuple : List::Kind::list);
}

[[noreturn]] void unsupported(std::string_view op, const Value &a, const Value &b) {
  if (op == "+" && a.is_text()) type_error("can only concatenate str (not \"" + b.type_name() + "\") to str");
  if (op == "+" && a.is_list())
    type_error("can only concatenate " + a.type_name() + " (not \"" + b.type_name() + "\") to " +
               a.type_name());
  if (op == "*" && (is_sequence(a) || is_sequence(b)))
    type_error("can't multiply sequence by non-int of type '" + (is_sequence(a) ? b : a).type_name() + "'");
  const std::string symbol = op == "**" ? "** or pow()" : std::string(op);
  type_error("unsupported operand type(s) for " + symbol + ": '" + a.type_name() + "' and '" + b.type_name() +
             "'");
}

}  // namespace

Value apply_binary(Runtime &runtime, std::string_view op, const Value &a, const Value &b) {
  if (op == "%" && a.is_text())
    return Value(format_printf(runtime, a.str(), b, a.is_markup()), a.is_markup());
  require_defined(a);
  require_defined(b);
  if (a.is_integral() && b.is_integral()) return integers(op, a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) return floats(op, a.as_double(), b.as_double());
  if (op == "+" && a.is_text() && b.is_text()) return add_texts(runtime, a, b);
  if (op == "+" && a.is_list() && b.is_list() && a.as_list().is_tuple() == b.as_list().is_tuple())
    return add_lists(runtime, a.as_list(), b.as_list());
  if (op == "*" && is_sequence(a) && b.is_integral()) return repeat(runtime, a, b.as_int());
  if (op == "*" && is_sequence(b) && a.is_integral()) return repeat(runtime, b, a.as_int());
  unsupported(op, a, b);
}

Value apply_sign(std::string_view op, const Value &value) {
  require_defined(value);
  if (!value.is_number())
    type_error("bad operand type for unary " + std::string(op) + ": '" + value.type_name() + "'");
  if (value.is_float()) return Value(op == "-" ? -value.as_double() : value.as_double());
  return op == "-" ? from_wide(-static_cast<__int128>(value.as_int())) : Value(value.as_int());
}

}  // namespace kvern::templates
