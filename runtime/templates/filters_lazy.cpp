// Filters that compute items as they are asked for: map, select, reject, selectattr, rejectattr.
#include "runtime/templates/arguments.hpp"
#include "runtime/templates/attributes.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/registry.hpp"

namespace kvern::templates {
namespace {

using Change = std::function<Value(const Value &)>;

Arguments without_first(const Arguments &arguments, size_t count) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(count),
                         arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

const std::string &name_of(const Value &value) {
  if (!value.is_text()) fail(Failure::Kind::other, "No filter or test named " + value.type_name() + ".");
  return value.str();
}

Change mapping(Runtime &runtime, const Arguments &arguments) {
  if (arguments.positional.empty() && !arguments.named.empty()) {
    Value path, otherwise;
    bool has_path = false;
    for (const auto &[key, value] : arguments.named) {
      if (key != "attribute" && key != "default")
        fail(Failure::Kind::other, "Unexpected keyword argument '" + key + "'");
      (key == "attribute" ? path : otherwise) = value;
      has_path = has_path || key == "attribute";
    }
    if (!has_path) fail(Failure::Kind::other, "map requires a filter argument");
    return
        [&runtime, path, otherwise](const Value &item) { return get_path(runtime, item, path, &otherwise); };
  }
  if (arguments.positional.empty()) fail(Failure::Kind::other, "map requires a filter argument");
  return [&runtime, name = arguments.positional[0], rest = without_first(arguments, 1)](const Value &item) {
    return runtime.call_filter(name_of(name), item, rest);
  };
}

Value map(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const auto next = [&runtime, value, arguments, change = Change(),
                     iterator = std::shared_ptr<Iterator>()](Value &out) mutable {
    if (!iterator) {
      if (!is_true(runtime, value)) return false;
      change = mapping(runtime, arguments);
      iterator = iterate(runtime, value);
    }
    Value item;
    if (!iterator->next(item)) return false;
    out = change(item);
    return true;
  };
  return make_generator(next, value);
}

/// Whether an item passes: by a test, or by being true.
std::function<bool(const Value &)> condition(Runtime &runtime, const Arguments &arguments,
                                             bool by_attribute) {
  const size_t at = by_attribute ? 1 : 0;
  if (arguments.positional.size() < at) fail(Failure::Kind::other, "Missing parameter for attribute name");
  const Value path = by_attribute ? arguments.positional[0] : Value();
  if (arguments.positional.size() == at)
    return [&runtime, path](const Value &item) { return is_true(runtime, get_path(runtime, item, path)); };
  return [&runtime, path, name = arguments.positional[at],
          rest = without_first(arguments, at + 1)](const Value &item) {
    return runtime.call_test(name_of(name), get_path(runtime, item, path), rest);
  };
}

template <bool ByAttribute, bool Keeps>
Value choose(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const auto next = [&runtime, value, arguments, passes = std::function<bool(const Value &)>(),
                     iterator = std::shared_ptr<Iterator>()](Value &out) mutable {
    if (!iterator) {
      if (!is_true(runtime, value)) return false;
      passes = condition(runtime, arguments, ByAttribute);
      iterator = iterate(runtime, value);
    }
    while (iterator->next(out))
      if (passes(out) == Keeps) return true;
    return false;
  };
  return make_generator(next, value);
}

}  // namespace

std::span<const FilterEntry> lazy_filters() {
  static constexpr FilterEntry kFilters[] = {
      {"map", map},
      {"select", choose<false, true>},
      {"reject", choose<false, false>},
      {"selectattr", choose<true, true>},
      {"rejectattr", choose<true, false>},
  };
  return kFilters;
}

}  // namespace kvern::templates
