// Filters that take sequences apart and put them together, and |default.
#include <algorithm>
#include <deque>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/attributes.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/registry.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

Value length_of(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("len", arguments);
  return Value(require_length(runtime, value));
}

Value list(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("list", arguments);
  return Value::list(to_items(runtime, value));
}

Value first(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("first", arguments);
  Value item;
  if (iterate(runtime, value)->next(item)) return item;
  return Value::undefined("No first item, sequence was empty.");
}

/// What reversed() takes: not generators, whose end is not known.
bool is_reversible(const Value &value) {
  if (value.is_text() || value.is_list() || value.is_dict() || value.is_undefined()) return true;
  return value.object_as<Range>() || value.object_as<DictView>();
}

Value last(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("last", arguments);
  if (!is_reversible(value)) type_error("'" + value.type_name() + "' object is not reversible");
  auto items = to_items(runtime, value);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value reverse(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("reverse", arguments);
  if (value.is_text()) return get_slice(runtime, value, Value(), Value(), Value(-1));
  auto items = to_items(runtime, value);
  std::reverse(items.begin(), items.end());
  if (!is_reversible(value)) return Value::list(std::move(items));
  auto iterator = iterate(runtime, Value::list(std::move(items)));
  return make_generator([iterator](Value &item) { return iterator->next(item); }, value, "reversed");
}

Value batch(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("batch", arguments, {"linecount", "fill_with"}, 1);
  const int64_t count = parameters.integer(0);
  const Value fill = parameters.or_none(1);
  const auto next = [&runtime, value, count, fill, iterator = std::shared_ptr<Iterator>(),
                     pending = std::vector<Value>()](Value &out) mutable {
    if (!iterator) iterator = iterate(runtime, value);
    std::vector<Value> row = std::move(pending);
    pending.clear();
    bool full = false;
    for (Value item; !full && iterator->next(item);) {
      runtime.budget().make(sizeof(Value));
      full = static_cast<int64_t>(row.size()) == count;
      (full ? pending : row).push_back(item);
    }
    if (row.empty() && !full) return false;
    for (; !full && !fill.is_none() && static_cast<int64_t>(row.size()) < count; row.push_back(fill))
      runtime.budget().make(sizeof(Value));
    out = Value::list(std::move(row));
    return true;
  };
  return make_generator(next, value);
}

Value slice(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("slice", arguments, {"slices", "fill_with"}, 1);
  const int64_t count = parameters.integer(0);
  const Value fill = parameters.or_none(1);
  const auto next = [&runtime, value, count, fill, number = int64_t{0}, at = size_t{0},
                     items = std::shared_ptr<std::vector<Value>>()](Value &out) mutable {
    if (!items) {
      items = std::make_shared<std::vector<Value>>(to_items(runtime, value));
      if (count == 0) fail(Failure::Kind::other, "integer division or modulo by zero");
    }
    if (number >= count) return false;
    const auto size = static_cast<int64_t>(items->size());
    const auto length = static_cast<size_t>(size / count + (number < size % count ? 1 : 0));
    runtime.budget().make(static_cast<int64_t>((length + 1) * sizeof(Value)));
    const auto begin = items->begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<Value> part(begin, begin + static_cast<std::ptrdiff_t>(length));
    at += length;
    if (!fill.is_none() && number >= size % count) part.push_back(fill);
    ++number;
    out = Value::list(std::move(part));
    return true;
  };
  return make_generator(next, value);
}

Value items(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("items", arguments);
  const auto next = [&runtime, value, iterator = std::shared_ptr<Iterator>()](Value &out) mutable {
    if (!iterator) {
      if (!value.is_undefined() && !value.is_dict()) type_error("Can only get item pairs from a mapping.");
      iterator = iterate(runtime, value);
    }
    Value key;
    if (!iterator->next(key)) return false;
    runtime.walk(key);
    out = Value::tuple({key, *value.as_dict().find(key)});
    return true;
  };
  return make_generator(next, value);
}

Value otherwise(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("default", arguments, {"default_value", "boolean"});
  const bool absent =
      value.is_undefined() || (parameters.flag(runtime, 1, false) && !is_true(runtime, value));
  if (!absent) return value;
  return parameters.has(0) ? parameters[0] : Value("");
}

Value attribute(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("attr", arguments, {"name"}, 1);
  require_defined(value);
  if (const auto found = find_attribute(runtime, value, parameters.text(0))) return *found;
  return Value::undefined("'" + value.described() + "' has no attribute '" + parameters.text(0) + "'");
}

}  // namespace

std::span<const FilterEntry> sequence_filters() {
  static constexpr FilterEntry kFilters[] = {
      {"length", length_of}, {"count", length_of},   {"list", list},   {"first", first},
      {"last", last},        {"reverse", reverse},   {"batch", batch}, {"slice", slice},
      {"items", items},      {"default", otherwise}, {"d", otherwise}, {"attr", attribute},
  };
  return kFilters;
}

}  // namespace kvern::templates
