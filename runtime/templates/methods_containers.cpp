// Methods of lists, tuples, dicts and numbers.
#include <cmath>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/methods.hpp"
#include "runtime/templates/repr.hpp"

namespace kvern::templates {
namespace {

Value count_items(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("count", arguments, {""}, 1);
  runtime.walk(self);
  int64_t found = 0;
  for (const Value &item : self.as_list().items) found += is_equal(item, parameters[0]) ? 1 : 0;
  return Value(found);
}

Value index_of(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("index", arguments, {"", "", ""}, 1);
  runtime.walk(self);
  const auto &items = self.as_list().items;
  const auto size = static_cast<int64_t>(items.size());
  const auto place = [&](int64_t at) { return at < 0 ? std::max<int64_t>(0, at + size) : at; };
  const int64_t stop = std::min(size, place(parameters.integer(2, size)));
  for (int64_t i = place(parameters.integer(1, 0)); i < stop; ++i)
    if (is_equal(items[static_cast<size_t>(i)], parameters[0])) return Value(i);
  value_error(repr(parameters[0]) + " is not in " + self.type_name());
}

Value copied(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("copy", arguments);
  return self;
}

Value make_view(Runtime &runtime, const char *type_name, std::vector<Value> items) {
  runtime.budget().make(static_cast<int64_t>(items.size() * sizeof(Value)));
  return Value(ObjectPtr(std::make_shared<DictView>(type_name, std::move(items))));
}

Value keys(Runtime &runtime, const Value &self, const Arguments &arguments) {
  take_no_arguments("keys", arguments);
  std::vector<Value> items;
  for (const auto &entry : self.as_dict().entries()) items.push_back(entry.first);
  return make_view(runtime, "dict_keys", std::move(items));
}

Value values(Runtime &runtime, const Value &self, const Arguments &arguments) {
  take_no_arguments("values", arguments);
  std::vector<Value> items;
  for (const auto &entry : self.as_dict().entries()) items.push_back(entry.second);
  return make_view(runtime, "dict_values", std::move(items));
}

Value entries(Runtime &runtime, const Value &self, const Arguments &arguments) {
  take_no_arguments("items", arguments);
  std::vector<Value> items;
  for (const auto &[key, value] : self.as_dict().entries()) items.push_back(Value::tuple({key, value}));
  return make_view(runtime, "dict_items", std::move(items));
}

Value get(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("get", arguments, {"", ""}, 1);
  runtime.walk(parameters[0]);
  const Value *found = self.as_dict().find(parameters[0]);
  return found ? *found : parameters.or_none(1);
}

Value from_keys(Runtime &runtime, const Value &, const Arguments &arguments) {
  const Parameters parameters("fromkeys", arguments, {"", ""}, 1);
  Dict dict;
  for (const Value &key : to_items(runtime, parameters[0])) dict.set(key, parameters.or_none(1));
  return Value::dict(std::move(dict));
}

Value bit_length(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("bit_length", arguments);
  const int64_t number = self.as_int();
  const uint64_t magnitude = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  return Value(magnitude ? 64 - __builtin_clzll(magnitude) : 0);
}

Value bit_count(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("bit_count", arguments);
  const int64_t number = self.as_int();
  return Value(
      __builtin_popcountll(number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number)));
}

Value itself(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("conjugate", arguments);
  return self.is_float() ? self : Value(self.as_int());
}

Value is_integer(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("is_integer", arguments);
  return Value(!self.is_float() ||
               (std::isfinite(self.as_double()) && self.as_double() == std::floor(self.as_double())));
}

}  // namespace

std::span<const MethodEntry> list_methods() {
  static constexpr MethodEntry kMethods[] = {{"count", count_items}, {"index", index_of}, {"copy", copied}};
  return kMethods;
}

std::span<const MethodEntry> dict_methods() {
  static constexpr MethodEntry kMethods[] = {{"get", get},       {"items", entries}, {"keys", keys},
                                             {"values", values}, {"copy", copied},   {"fromkeys", from_keys}};
  return kMethods;
}

std::span<const MethodEntry> int_methods() {
  static constexpr MethodEntry kMethods[] = {{"bit_length", bit_length},
                                             {"bit_count", bit_count},
                                             {"conjugate", itself},
                                             {"is_integer", is_integer}};
  return kMethods;
}

std::span<const MethodEntry> float_methods() {
  static constexpr MethodEntry kMethods[] = {{"is_integer", is_integer}, {"conjugate", itself}};
  return kMethods;
}

}  // namespace kvern::templates
