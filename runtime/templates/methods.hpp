// The methods of values: those of Python's str, list, tuple, dict, int and float that change nothing.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

using Method = Value (*)(Runtime &runtime, const Value &self, const Arguments &arguments);

struct MethodEntry {
  std::string_view name;
  Method run;
};

// One list for each file of methods.
std::span<const MethodEntry> case_methods();
std::span<const MethodEntry> search_methods();
std::span<const MethodEntry> split_methods();
std::span<const MethodEntry> layout_methods();
std::span<const MethodEntry> list_methods();
std::span<const MethodEntry> dict_methods();
std::span<const MethodEntry> int_methods();
std::span<const MethodEntry> float_methods();

/// The method, bound to its value.
std::optional<Value> find_method(const Value &self, std::string_view name);

}  // namespace kvern::templates
