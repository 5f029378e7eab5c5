// Methods of texts that look for others: startswith, find, replace, ...
#include <algorithm>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/methods.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

/// The part [start, end) of a text in bytes, from arguments that count characters.
struct Window {
  size_t begin, end, first_character;
  bool valid;  // start is not beyond the end
};

Window window(const Value &self, const Parameters &parameters) {
  const std::string &text = self.str();
  const auto size = static_cast<int64_t>(count_characters(text));
  const auto place = [&](size_t i, int64_t otherwise) {
    if (!parameters.has(i) || parameters[i].is_none()) return otherwise;
    const int64_t at = parameters.integer(i);
    return at < 0 ? std::max<int64_t>(0, at + size) : at;
  };
  const int64_t start = place(1, 0), stop = std::min(place(2, size), size);
  if (start > stop) return {0, 0, 0, false};
  return {byte_of(text, static_cast<size_t>(start)), byte_of(text, static_cast<size_t>(stop)),
          static_cast<size_t>(start), true};
}

Value starts_or_ends(const char *name, const Value &self, const Arguments &arguments, bool at_start) {
  const Parameters parameters(name, arguments, {"", "", ""}, 1);
  const Window part = window(self, parameters);
  const std::string_view text = std::string_view(self.str()).substr(part.begin, part.end - part.begin);
  const auto matches = [&](const Value &affix) {
    if (!affix.is_text())
      type_error(std::string(name) + " first arg must be str or a tuple of str, not " + affix.type_name());
    return part.valid && (at_start ? text.starts_with(affix.str()) : text.ends_with(affix.str()));
  };
  if (!parameters[0].is_list() || !parameters[0].as_list().is_tuple()) return Value(matches(parameters[0]));
  const auto &items = parameters[0].as_list().items;
  return Value(std::any_of(items.begin(), items.end(), matches));
}

Value starts_with(Runtime &, const Value &self, const Arguments &arguments) {
  return starts_or_ends("startswith", self, arguments, true);
}
Value ends_with(Runtime &, const Value &self, const Arguments &arguments) {
  return starts_or_ends("endswith", self, arguments, false);
}

/// The character's place, or -1.
int64_t find_place(const char *name, const Value &self, const Arguments &arguments, bool last) {
  const Parameters parameters(name, arguments, {"", "", ""}, 1);
  const std::string &wanted = parameters.text(0);
  const Window part = window(self, parameters);
  const std::string_view text = std::string_view(self.str()).substr(part.begin, part.end - part.begin);
  const size_t found = last ? text.rfind(wanted) : text.find(wanted);
  if (!part.valid || found == text.npos) return -1;
  return static_cast<int64_t>(part.first_character + count_characters(text.substr(0, found)));
}

Value find(Runtime &, const Value &self, const Arguments &arguments) {
  return Value(find_place("find", self, arguments, false));
}
Value find_last(Runtime &, const Value &self, const Arguments &arguments) {
  return Value(find_place("rfind", self, arguments, true));
}

Value required_place(int64_t place) {
  if (place < 0) value_error("substring not found");
  return Value(place);
}

Value index(Runtime &, const Value &self, const Arguments &arguments) {
  return required_place(find_place("index", self, arguments, false));
}
Value index_last(Runtime &, const Value &self, const Arguments &arguments) {
  return required_place(find_place("rindex", self, arguments, true));
}

Value count(Runtime &, const Value &self, const Arguments &arguments) {
  const Parameters parameters("count", arguments, {"", "", ""}, 1);
  const std::string &wanted = parameters.text(0);
  const Window part = window(self, parameters);
  const std::string_view text = std::string_view(self.str()).substr(part.begin, part.end - part.begin);
  if (!part.valid) return Value(0);
  if (wanted.empty()) return Value(static_cast<int64_t>(count_characters(text)) + 1);
  int64_t found = 0;
  for (size_t place = 0; (place = text.find(wanted, place)) != text.npos; place += wanted.size()) ++found;
  return Value(found);
}

Value replaced(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("replace", arguments, {"", "", ""}, 2);
  const std::string &old = parameters.text(0);
  const std::string added =
      self.is_markup() && !parameters[1].is_markup() ? escape_html(parameters.text(1)) : parameters.text(1);
  const size_t most = old.empty() ? count_characters(self.str()) + 1 : self.str().size() / old.size();
  runtime.budget().make(static_cast<int64_t>(
      std::min<unsigned __int128>(static_cast<unsigned __int128>(most) * added.size() + self.str().size(),
                                  static_cast<unsigned __int128>(INT64_MAX))));
  return Value(replace(self.str(), old, added, parameters.integer(2, -1)), self.is_markup());
}

Value without_prefix(Runtime &, const Value &self, const Arguments &arguments) {
  const Parameters parameters("removeprefix", arguments, {""}, 1);
  const bool has = self.str().starts_with(parameters.text(0));
  return Value(has ? self.str().substr(parameters.text(0).size()) : self.str(), self.is_markup());
}

Value without_suffix(Runtime &, const Value &self, const Arguments &arguments) {
  const Parameters parameters("removesuffix", arguments, {""}, 1);
  const bool has = self.str().ends_with(parameters.text(0));
  return Value(has ? self.str().substr(0, self.str().size() - parameters.text(0).size()) : self.str(),
               self.is_markup());
}

Value stripped(const char *name, const Value &self, const Arguments &arguments, Side side) {
  const Parameters parameters(name, arguments, {""});
  const std::string *which = parameters.or_none(0).is_none() ? nullptr : &parameters.text(0);
  return Value(strip(self.str(), which, side), self.is_markup());
}

Value strip_both(Runtime &, const Value &self, const Arguments &arguments) {
  return stripped("strip", self, arguments, Side::both);
}
Value strip_left(Runtime &, const Value &self, const Arguments &arguments) {
  return stripped("lstrip", self, arguments, Side::left);
}
Value strip_right(Runtime &, const Value &self, const Arguments &arguments) {
  return stripped("rstrip", self, arguments, Side::right);
}

}  // namespace

std::span<const MethodEntry> search_methods() {
  static constexpr MethodEntry kMethods[] = {
      {"startswith", starts_with},
      {"endswith", ends_with},
      {"find", find},
      {"rfind", find_last},
      {"index", index},
      {"rindex", index_last},
      {"count", count},
      {"replace", replaced},
      {"removeprefix", without_prefix},
      {"removesuffix", without_suffix},
      {"strip", strip_both},
      {"lstrip", strip_left},
      {"rstrip", strip_right},
  };
  return kMethods;
}

}  // namespace kvern::templates
