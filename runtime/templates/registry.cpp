#include "runtime/templates/registry.hpp"

#include <algorithm>
#include <array>
#include <kvern/error.hpp>
#include <unordered_map>

namespace kvern::templates {
namespace {

/// Filters of Jinja for web pages and debugging, which no prompt needs: named in the message.
constexpr std::array<std::string_view, 5> kNotOffered{"pprint", "random", "striptags", "urlize", "wordwrap"};

const std::unordered_map<std::string_view, Filter> &filters() {
  static const auto kFilters = [] {
    std::unordered_map<std::string_view, Filter> all;
    for (const auto list : {text_filters(), html_filters(), number_filters(), sequence_filters(),
                            sorting_filters(), lazy_filters()})
      for (const FilterEntry &entry : list) all.emplace(entry.name, entry.run);
    return all;
  }();
  return kFilters;
}

const std::unordered_map<std::string_view, Test> &tests() {
  static const auto kTests = [] {
    std::unordered_map<std::string_view, Test> all;
    for (const TestEntry &entry : all_tests()) all.emplace(entry.name, entry.run);
    return all;
  }();
  return kTests;
}

template <typename Map>
std::string unknown(const char *what, std::string_view name, const Map &known) {
  std::vector<std::string> names;
  for (const auto &entry : known) names.emplace_back(entry.first);
  std::sort(names.begin(), names.end());
  return std::string("No ") + what + " named '" + std::string(name) + "'" + did_you_mean(name, names);
}

}  // namespace

Filter find_filter(std::string_view name) {
  const auto found = filters().find(name);
  return found == filters().end() ? nullptr : found->second;
}

Test find_test(std::string_view name) {
  const auto found = tests().find(name);
  return found == tests().end() ? nullptr : found->second;
}

std::string unknown_filter(std::string_view name) {
  if (std::find(kNotOffered.begin(), kNotOffered.end(), name) != kNotOffered.end())
    return "the filter '" + std::string(name) + "' is not offered in chat templates";
  return unknown("filter", name, filters());
}

std::string unknown_test(std::string_view name) { return unknown("test", name, tests()); }

}  // namespace kvern::templates
