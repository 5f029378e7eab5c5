// Options of a plugin: declared once with their defaults, read by name. The host has checked what the user
// wrote against the declaration; ranges are checked here.
#pragma once
#include <cstring>
#include <initializer_list>
#include <kvern/sdk/failure.hpp>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

KVERN_SDK_BEGIN

/// A declaration. Strings have static lifetime (literals).
using Option = kvern_option;

namespace detail {
inline Option option(const char *key, int32_t type) {
  Option declared{};
  declared.struct_size = sizeof declared;
  declared.type = type;
  declared.key = key;
  declared.s = "";
  return declared;
}

/// The declared options of a class; static lifetime.
template <class C>
const std::vector<Option> &declared_options() {
  static const auto &options = *new std::vector<Option>([] {
    if constexpr (requires { C::options(); }) return C::options();
    return std::vector<Option>{};
  }());
  return options;
}

}  // namespace detail

inline Option boolean_option(const char *key, bool value) {
  Option declared = detail::option(key, KVERN_BOOL);
  declared.i = value;
  return declared;
}
inline Option integer_option(const char *key, int64_t value) {
  Option declared = detail::option(key, KVERN_INT);
  declared.i = value;
  return declared;
}
inline Option number_option(const char *key, double value) {
  Option declared = detail::option(key, KVERN_FLOAT);
  declared.f = value;
  return declared;
}
inline Option string_option(const char *key, const char *value) {
  Option declared = detail::option(key, KVERN_STRING);
  declared.s = value;
  return declared;
}
/// A table or an array that is empty unless the user writes it.
inline Option table_option(const char *key) { return detail::option(key, KVERN_TABLE); }
inline Option array_option(const char *key) { return detail::option(key, KVERN_ARRAY); }

/// The items of a table or an array, to be read or forwarded to an inner cache.
using OptionItems = std::span<const kvern_option *const>;

/// Reads the user's options, and where the user wrote nothing the declared defaults. Borrowed: for the call
/// of create.
class Options {
 public:
  Options(OptionItems written, std::span<const Option> declared) : written_(written), declared_(declared) {}

  OptionItems written() const { return written_; }
  bool is_written(std::string_view key) const { return find(key) != nullptr; }

  bool boolean(std::string_view key) const { return value(key, KVERN_BOOL).i != 0; }

  /// INVALID_ARGUMENT outside min .. max.
  int64_t integer(std::string_view key, int64_t min = std::numeric_limits<int64_t>::min(),
                  int64_t max = std::numeric_limits<int64_t>::max()) const {
    return in_range(key, value(key, KVERN_INT).i, min, max);
  }

  /// An integer is a number too.
  double number(std::string_view key, double min = -std::numeric_limits<double>::infinity(),
                double max = std::numeric_limits<double>::infinity()) const {
    const Option &option = value(key, KVERN_FLOAT);
    return in_range(key, option.type == KVERN_INT ? static_cast<double>(option.i) : option.f, min, max);
  }

  /// INVALID_ARGUMENT for anything but one of these.
  int64_t integer_of(std::string_view key, std::initializer_list<int64_t> allowed) const {
    return one_of(key, integer(key), allowed, "");
  }

  std::string_view string(std::string_view key) const { return value(key, KVERN_STRING).s; }

  /// INVALID_ARGUMENT for anything but one of these.
  std::string_view string_of(std::string_view key, std::initializer_list<std::string_view> allowed) const {
    return one_of(key, string(key), allowed, "'");
  }
  OptionItems table(std::string_view key) const { return items(value(key, KVERN_TABLE)); }
  OptionItems array(std::string_view key) const { return items(value(key, KVERN_ARRAY)); }

  static OptionItems items(const kvern_option &option) { return {option.items, option.n_items}; }

 private:
  const kvern_option *find(std::string_view key) const {
    for (const kvern_option *option : written_) {
      if (key == option->key) return option;
    }
    return nullptr;
  }

  const Option &value(std::string_view key, int32_t type) const {
    const Option *option = find(key);
    for (const Option &declared : declared_) {
      if (!option && key == declared.key) option = &declared;
    }
    if (!option) fail(KVERN_INTERNAL, "the plugin reads the option '", key, "', which it does not declare");
    const bool fits = option->type == type || (type == KVERN_FLOAT && option->type == KVERN_INT);
    if (!fits)
      fail(KVERN_INVALID_ARGUMENT, "the option '", key, "' has another type than this cache expects");
    return *option;
  }

  template <class Value>
  static Value one_of(std::string_view key, Value value, std::initializer_list<Value> allowed,
                      const char *quote) {
    std::string names;
    std::size_t left = allowed.size();
    for (const Value &one : allowed) {
      if (one == value) return value;
      --left;
      names += text(quote, one, quote, left > 1 ? ", " : left == 1 ? " or " : "");
    }
    fail(KVERN_INVALID_ARGUMENT, "option '", key, "' is ", quote, value, quote, ": it must be ", names);
  }

  template <class Number>
  static Number in_range(std::string_view key, Number value, Number min, Number max) {
    if (value < min)
      fail(KVERN_INVALID_ARGUMENT, "option '", key, "' is ", value, ": it must be at least ", min);
    if (value > max)
      fail(KVERN_INVALID_ARGUMENT, "option '", key, "' is ", value, ": it must be at most ", max);
    return value;
  }

  OptionItems written_;
  std::span<const Option> declared_;
};

KVERN_SDK_END
