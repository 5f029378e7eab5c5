#include "runtime/templates/attributes.hpp"

#include <algorithm>
#include <array>

#include "runtime/templates/iterate.hpp"
#include "runtime/templates/methods.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

constexpr std::array<std::string_view, 12> kInternal{
    "__class__", "__init__", "__doc__",  "__dict__", "__module__", "__subclasshook__",
    "__new__",   "__str__",  "__repr__", "__hash__", "__eq__",     "__reduce__"};
constexpr std::array<std::string_view, 8> kListChanges{"append", "clear", "pop",    "reverse",
                                                       "insert", "sort",  "extend", "remove"};
constexpr std::array<std::string_view, 5> kDictChanges{"clear", "pop", "popitem", "setdefault", "update"};

template <size_t N>
bool is_among(const std::array<std::string_view, N> &names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_unsafe(const Value &value, const std::string &name) {
  if (value.is_list() && !value.as_list().is_tuple() && is_among(kListChanges, name)) return true;
  if (value.is_dict() && is_among(kDictChanges, name)) return true;
  return is_among(kInternal, name);
}

Value missing(const Value &value, const std::string &name) {
  return Value::undefined("'" + value.described() + "' has no attribute '" + name + "'");
}

Value missing_item(Runtime &runtime, const Value &value, const Value &key) {
  if (key.is_text()) return missing(value, key.str());
  runtime.walk(key);
  return Value::undefined(value.described() + " has no element " + repr(key));
}

std::optional<size_t> index_in(const Value &key, size_t size) {
  if (!key.is_integral()) return std::nullopt;
  const int64_t index = key.as_int() < 0 ? key.as_int() + static_cast<int64_t>(size) : key.as_int();
  if (index < 0 || index >= static_cast<int64_t>(size)) return std::nullopt;
  return static_cast<size_t>(index);
}

std::optional<Value> character_at(Runtime &runtime, const Value &value, const Value &key) {
  const std::string &text = value.str();
  runtime.budget().step(static_cast<int64_t>(text.size() / 64));
  const auto index = index_in(key, count_characters(text));
  if (!index) return std::nullopt;
  const size_t place = byte_of(text, *index);
  return Value(text.substr(place, character_bytes(text, place)), value.is_markup());
}

bool is_hashable(const Value &key) {
  if (key.is_dict() || (key.is_list() && !key.as_list().is_tuple())) return false;
  if (!key.is_list()) return true;
  return std::all_of(key.as_list().items.begin(), key.as_list().items.end(), is_hashable);
}

/// value[key] alone
std::optional<Value> find_item(Runtime &runtime, const Value &value, const Value &key) {
  if (value.is_dict()) {
    runtime.walk(key);
    const Value *found = is_hashable(key) ? value.as_dict().find(key) : nullptr;
    return found ? std::optional(*found) : std::nullopt;
  }
  if (value.is_list()) {
    const auto index = index_in(key, value.as_list().items.size());
    return index ? std::optional(value.as_list().items[*index]) : std::nullopt;
  }
  if (value.is_text()) return character_at(runtime, value, key);
  return value.is_object() ? value.as_object()->item(runtime, key) : std::nullopt;
}

std::optional<Value> group_part(const Value &value, const std::string &name) {
  if (!value.is_list() || value.as_list().kind != List::Kind::group) return std::nullopt;
  if (name == "grouper") return value.as_list().items[0];
  if (name == "list") return value.as_list().items[1];
  return std::nullopt;
}

/// real and imag of numbers
std::optional<Value> number_part(const Value &value, const std::string &name) {
  if (!value.is_number() || (name != "real" && name != "imag")) return std::nullopt;
  if (name == "imag") return value.is_float() ? Value(0.0) : Value(0);
  return value.is_float() ? value : Value(value.as_int());
}

struct Span {
  int64_t start, stop, step;
};

/// slice.indices(size)
Span resolve(const Value &start, const Value &stop, const Value &step, int64_t size) {
  for (const Value *part : {&start, &stop, &step})
    if (!part->is_none() && !part->is_integral())
      type_error("slice indices must be integers or None or have an __index__ method");
  const int64_t by = step.is_none() ? 1 : step.as_int();
  if (by == 0) value_error("slice step cannot be zero");
  const auto place = [&](const Value &part, int64_t otherwise) {
    if (part.is_none()) return otherwise;
    const int64_t low = by < 0 ? -1 : 0, high = by < 0 ? size - 1 : size;
    const int64_t at = part.as_int() < 0 ? std::max(part.as_int(), -size - 1) + size : part.as_int();
    return std::clamp(at, low, std::max(low, high));
  };
  return {place(start, by < 0 ? size - 1 : 0), place(stop, by < 0 ? -1 : size), by};
}

template <typename Container>
Container pick(Runtime &runtime, const Container &from, const Span &span) {
  Container out;
  for (int64_t i = span.start; span.step > 0 ? i < span.stop : i > span.stop;) {
    out.push_back(from[static_cast<size_t>(i)]);
    if (__builtin_add_overflow(i, span.step, &i)) break;
  }
  runtime.budget().make(static_cast<int64_t>(out.size() * sizeof(from[0])));
  return out;
}

}  // namespace

std::optional<Value> find_attribute(Runtime &runtime, const Value &value, const std::string &name) {
  if (is_unsafe(value, name))
    return Value::undefined("access to attribute '" + name + "' of '" + value.type_name() +
                            "' object is unsafe.");
  if (value.is_object()) return value.as_object()->attribute(runtime, name);
  if (auto part = group_part(value, name)) return part;
  if (auto part = number_part(value, name)) return part;
  return find_method(value, name);
}

Value get_attribute(Runtime &runtime, const Value &value, const std::string &name) {
  require_defined(value);
  if (const auto found = find_attribute(runtime, value, name)) return *found;
  if (const auto found = find_item(runtime, value, Value(name))) return *found;
  return missing(value, name);
}

Value get_item(Runtime &runtime, const Value &value, const Value &key) {
  require_defined(value);
  if (const auto found = find_item(runtime, value, key)) return *found;
  if (key.is_text())
    if (const auto found = find_attribute(runtime, value, key.str())) return *found;
  return missing_item(runtime, value, key);
}

Value get_slice(Runtime &runtime, const Value &value, const Value &start, const Value &stop,
                const Value &step) {
  require_defined(value);
  runtime.budget().step(value.weight() / 64);
  if (value.is_list()) {
    const List &list = value.as_list();
    const Span span = resolve(start, stop, step, static_cast<int64_t>(list.items.size()));
    return Value::list(pick(runtime, list.items, span),
                       list.is_tuple() ? List::Kind::tuple : List::Kind::list);
  }
  if (value.is_text()) {
    if (is_ascii(value.str()))
      return Value(
          pick(runtime, value.str(), resolve(start, stop, step, static_cast<int64_t>(value.str().size()))),
          value.is_markup());
    const std::u32string characters = to_characters(value.str());
    const Span span = resolve(start, stop, step, static_cast<int64_t>(characters.size()));
    return Value(from_characters(pick(runtime, characters, span)), value.is_markup());
  }
  if (const auto *range = value.object_as<Range>()) {
    const Span span = resolve(start, stop, step, range->size());
    return Value(ObjectPtr(std::make_shared<Range>(range->sliced(span.start, span.stop, span.step))));
  }
  type_error(value.is_dict() ? "unhashable type: 'slice'"
                             : "'" + value.type_name() + "' object is not subscriptable");
}

Value get_path(Runtime &runtime, Value value, const Value &path, const Value *otherwise) {
  const auto follow = [&](const Value &key) {
    value = get_item(runtime, value, key);
    if (otherwise && !otherwise->is_none() && value.is_undefined()) value = *otherwise;
  };
  if (path.is_none()) return value;
  if (!path.is_text()) {
    follow(path);
    return value;
  }
  const std::string &text = path.str();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const bool is_index =
        !part.empty() && part.size() < 18 && part.find_first_not_of("0123456789") == part.npos;
    follow(is_index ? Value(int64_t{std::stoll(part)}) : Value(part));
    begin = end + 1;
  }
  return value;
}

}  // namespace kvern::templates
