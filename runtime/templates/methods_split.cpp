// Methods of texts that cut them and join them.
#include <algorithm>

#include "runtime/support/utf8.hpp"
#include "runtime/templates/arguments.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/methods.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

using Pieces = std::vector<std::string>;

Pieces split_at(std::string_view text, std::string_view separator, int64_t most) {
  Pieces pieces;
  size_t place = 0;
  for (size_t found; most-- != 0 && (found = text.find(separator, place)) != text.npos;
       place = found + separator.size())
    pieces.emplace_back(text.substr(place, found - place));
  pieces.emplace_back(text.substr(place));
  return pieces;
}

Pieces split_at_last(std::string_view text, std::string_view separator, int64_t most) {
  Pieces pieces;
  size_t end = text.size();
  for (size_t found; most-- != 0 && end >= separator.size() &&
                     (found = text.rfind(separator, end - separator.size())) != text.npos;
       end = found)
    pieces.emplace_back(text.substr(found + separator.size(), end - found - separator.size()));
  pieces.emplace_back(text.substr(0, end));
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

size_t word_end(std::string_view text, bool of_space) {
  size_t end = 0;
  while (end < text.size() && is_space(first_utf8(text.substr(end)).code) == of_space)
    end += character_bytes(text, end);
  return end;
}

/// Words between white space; what is left after `most` cuts is the last piece.
Pieces split_words(const std::string &text, int64_t most) {
  Pieces pieces;
  std::string_view left = text;
  left.remove_prefix(word_end(left, true));
  while (!left.empty()) {
    if (most-- == 0) {
      pieces.emplace_back(left);
      return pieces;
    }
    const size_t end = word_end(left, false);
    pieces.emplace_back(left.substr(0, end));
    left.remove_prefix(end);
    left.remove_prefix(word_end(left, true));
  }
  return pieces;
}

std::string reversed(const std::string &text) {
  std::u32string characters = to_characters(text);
  std::reverse(characters.begin(), characters.end());
  return from_characters(characters);
}

Pieces split_words_from_right(const std::string &text, int64_t most) {
  Pieces pieces = split_words(reversed(text), most);
  for (std::string &piece : pieces) piece = reversed(piece);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

Value to_list(Runtime &runtime, const Value &self, Pieces pieces) {
  runtime.budget().make(static_cast<int64_t>(self.str().size() + pieces.size() * sizeof(Value)));
  std::vector<Value> items;
  for (std::string &piece : pieces) items.emplace_back(std::move(piece), self.is_markup());
  return Value::list(std::move(items));
}

Value split_by(Runtime &runtime, const char *name, const Value &self, const Arguments &arguments,
               bool from_right) {
  const Parameters parameters(name, arguments, {"sep", "maxsplit"});
  const int64_t most = parameters.integer(1, -1);
  if (parameters.or_none(0).is_none())
    return to_list(runtime, self,
                   from_right ? split_words_from_right(self.str(), most) : split_words(self.str(), most));
  const std::string &separator = parameters.text(0);
  if (separator.empty()) value_error("empty separator");
  return to_list(runtime, self, (from_right ? split_at_last : split_at)(self.str(), separator, most));
}

Value split(Runtime &runtime, const Value &self, const Arguments &arguments) {
  return split_by(runtime, "split", self, arguments, false);
}
Value split_right(Runtime &runtime, const Value &self, const Arguments &arguments) {
  return split_by(runtime, "rsplit", self, arguments, true);
}

Value lines(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("splitlines", arguments, {"keepends"});
  return to_list(runtime, self, split_lines(self.str(), parameters.flag(runtime, 0, false)));
}

Value part_at(const char *name, const Value &self, const Arguments &arguments, bool last) {
  const Parameters parameters(name, arguments, {""}, 1);
  const std::string &separator = parameters.text(0), &text = self.str();
  if (separator.empty()) value_error("empty separator");
  const size_t found = last ? text.rfind(separator) : text.find(separator);
  const auto value = [&](std::string piece) { return Value(std::move(piece), self.is_markup()); };
  if (found == text.npos)
    return last ? Value::tuple({value(""), value(""), value(text)})
                : Value::tuple({value(text), value(""), value("")});
  return Value::tuple(
      {value(text.substr(0, found)), value(separator), value(text.substr(found + separator.size()))});
}

Value partition(Runtime &, const Value &self, const Arguments &arguments) {
  return part_at("partition", self, arguments, false);
}
Value partition_right(Runtime &, const Value &self, const Arguments &arguments) {
  return part_at("rpartition", self, arguments, true);
}

Value join(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("join", arguments, {""}, 1);
  std::string out;
  size_t number = 0;
  const auto iterator = iterate(runtime, parameters[0], "can only join an iterable");
  for (Value item; iterator->next(item); ++number) {
    if (!item.is_text())
      type_error("sequence item " + std::to_string(number) + ": expected str instance, " + item.type_name() +
                 " found");
    const std::string piece = (number ? self.str() : "") +
                              (self.is_markup() && !item.is_markup() ? escape_html(item.str()) : item.str());
    runtime.budget().make(static_cast<int64_t>(piece.size()));
    out += piece;
    runtime.budget().require_fit(static_cast<int64_t>(out.size()));
  }
  return Value(std::move(out), self.is_markup());
}

}  // namespace

std::span<const MethodEntry> split_methods() {
  static constexpr MethodEntry kMethods[] = {
      {"split", split},         {"rsplit", split_right},         {"splitlines", lines},
      {"partition", partition}, {"rpartition", partition_right}, {"join", join},
  };
  return kMethods;
}

}  // namespace kvern::templates
