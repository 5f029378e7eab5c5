// The filters, tests and global functions of a template, found by name.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

using Filter = Value (*)(Runtime &runtime, const Value &value, const Arguments &arguments);
using Test = bool (*)(Runtime &runtime, const Value &value, const Arguments &arguments);

struct FilterEntry {
  std::string_view name;
  Filter run;
};

struct TestEntry {
  std::string_view name;
  Test run;
};

// One list for each file of filters.
std::span<const FilterEntry> text_filters();
std::span<const FilterEntry> html_filters();
std::span<const FilterEntry> number_filters();
std::span<const FilterEntry> sequence_filters();
std::span<const FilterEntry> sorting_filters();
std::span<const FilterEntry> lazy_filters();
std::span<const TestEntry> all_tests();

Filter find_filter(std::string_view name);  ///< null where there is none
Test find_test(std::string_view name);

/// "No filter named 'x'." with the nearest name.
std::string unknown_filter(std::string_view name);
std::string unknown_test(std::string_view name);

/// range, namespace, dict, cycler, joiner, raise_exception, strftime_now; null where there is none of that name.
const Value *find_global(const std::string &name);

}  // namespace kvern::templates
