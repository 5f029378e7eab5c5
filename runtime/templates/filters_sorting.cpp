// Filters that compare items: sort, unique, min, max, groupby, dictsort.
#include <algorithm>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/attributes.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/registry.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

using Keyed = std::pair<Value, Value>;  // key, item

Value fold_case(const Value &value, bool case_sensitive) {
  return value.is_text() && !case_sensitive ? Value(to_lower(value.str())) : value;
}

/// The attribute of an item that it is compared by, the item itself without one.
Value key_of(Runtime &runtime, const Value &item, const Value &attribute, bool case_sensitive,
             const Value *otherwise = nullptr) {
  const Value key = fold_case(get_path(runtime, item, attribute, otherwise), case_sensitive);
  runtime.walk(key);
  return key;
}

/// The keys of "a,b" as a list.
Value keys_of(Runtime &runtime, const Value &item, const Value &attributes, bool case_sensitive) {
  if (!attributes.is_text()) return Value::list({key_of(runtime, item, attributes, case_sensitive)});
  std::vector<Value> keys;
  const std::string &text = attributes.str();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    keys.push_back(key_of(runtime, item, Value(text.substr(begin, end - begin)), case_sensitive));
    begin = end + 1;
  }
  return Value::list(std::move(keys));
}

/// Merge sort: a comparison that fails or contradicts itself harms nothing.
void sort_keyed(Runtime &runtime, std::vector<Keyed> &items, bool reverse) {
  std::vector<Keyed> other(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      size_t a = begin, b = std::min(begin + width, items.size());
      const size_t a_end = b, b_end = std::min(begin + 2 * width, items.size());
      for (size_t out = begin; out < b_end; ++out) {
        bool takes_b = a == a_end;
        if (a < a_end && b < b_end) {
          runtime.walk(items[a].first);
          takes_b =
              reverse ? is_less(items[a].first, items[b].first) : is_less(items[b].first, items[a].first);
        }
        other[out] = items[takes_b ? b++ : a++];
      }
    }
    items.swap(other);
  }
}

std::vector<Value> items_of(const std::vector<Keyed> &keyed) {
  std::vector<Value> items;
  for (const Keyed &entry : keyed) items.push_back(entry.second);
  return items;
}

Value sorted(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = parameters.flag(runtime, 1, false);
  std::vector<Keyed> keyed;
  for (const Value &item : to_items(runtime, value))
    keyed.emplace_back(keys_of(runtime, item, parameters.or_none(2), case_sensitive), item);
  sort_keyed(runtime, keyed, parameters.flag(runtime, 0, false));
  return Value::list(items_of(keyed));
}

Value dict_sorted(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = parameters.has(1) ? parameters.text(1) : "key";
  if (by != "key" && by != "value")
    fail(Failure::Kind::other, "You can only sort by either \"key\" or \"value\"");
  require_defined(value);
  if (!value.is_dict()) fail(Failure::Kind::other, "'" + value.described() + "' has no attribute 'items'");
  std::vector<Keyed> keyed;
  for (const auto &[key, item] : value.as_dict().entries())
    keyed.emplace_back(fold_case(by == "key" ? key : item, parameters.flag(runtime, 0, false)),
                       Value::tuple({key, item}));
  sort_keyed(runtime, keyed, parameters.flag(runtime, 2, false));
  return Value::list(items_of(keyed));
}

Value extreme(Runtime &runtime, const char *name, const Value &value, const Arguments &arguments,
              bool is_max) {
  const Parameters parameters(name, arguments, {"case_sensitive", "attribute"});
  const bool case_sensitive = parameters.flag(runtime, 0, false);
  const auto iterator = iterate(runtime, value);
  Value best, best_key, item;
  if (!iterator->next(best)) return Value::undefined("No aggregated item, sequence was empty.");
  best_key = key_of(runtime, best, parameters.or_none(1), case_sensitive);
  while (iterator->next(item)) {
    const Value key = key_of(runtime, item, parameters.or_none(1), case_sensitive);
    if (is_max ? !is_less(best_key, key, "<") : !is_less(key, best_key)) continue;
    best = item;
    best_key = key;
  }
  return best;
}

Value least(Runtime &runtime, const Value &value, const Arguments &arguments) {
  return extreme(runtime, "min", value, arguments, false);
}
Value greatest(Runtime &runtime, const Value &value, const Arguments &arguments) {
  return extreme(runtime, "max", value, arguments, true);
}

Value unique(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("unique", arguments, {"case_sensitive", "attribute"});
  const auto next = [&runtime, value, case_sensitive = parameters.flag(runtime, 0, false),
                     attribute = parameters.or_none(1), seen = std::make_shared<Dict>(),
                     iterator = std::shared_ptr<Iterator>()](Value &out) mutable {
    if (!iterator) iterator = iterate(runtime, value);
    while (iterator->next(out)) {
      const Value key = key_of(runtime, out, attribute, case_sensitive);
      if (seen->find(key)) continue;
      runtime.budget().make(2 * sizeof(Value));
      seen->set(key, Value());
      return true;
    }
    return false;
  };
  return make_generator(next, value);
}

Value grouped(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const bool case_sensitive = parameters.flag(runtime, 2, false);
  const Value otherwise = parameters.or_none(1);
  std::vector<Keyed> keyed;
  for (const Value &item : to_items(runtime, value))
    keyed.emplace_back(key_of(runtime, item, parameters[0], case_sensitive, &otherwise), item);
  sort_keyed(runtime, keyed, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size();) {
    size_t end = begin;
    std::vector<Value> members;
    while (end < keyed.size() && is_equal(keyed[end].first, keyed[begin].first))
      members.push_back(keyed[end++].second);
    const Value name = get_path(runtime, members[0], parameters[0], &otherwise);
    groups.push_back(Value::list({name, Value::list(std::move(members))}, List::Kind::group));
    begin = end;
  }
  return Value::list(std::move(groups));
}

}  // namespace

std::span<const FilterEntry> sorting_filters() {
  static constexpr FilterEntry kFilters[] = {
      {"sort", sorted},  {"dictsort", dict_sorted}, {"min", least},
      {"max", greatest}, {"unique", unique},        {"groupby", grouped},
  };
  return kFilters;
}

}  // namespace kvern::templates
