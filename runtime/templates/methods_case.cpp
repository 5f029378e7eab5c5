// Methods of texts about case and classes of characters.
#include <algorithm>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/methods.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

Value same_kind(const Value &self, std::string text) { return Value(std::move(text), self.is_markup()); }

template <std::string (*Map)(std::string_view)>
Value mapped(Runtime &runtime, const Value &self, const Arguments &arguments) {
  take_no_arguments("str method", arguments);
  runtime.budget().make(static_cast<int64_t>(self.str().size()));
  return same_kind(self, Map(self.str()));
}

std::string capitalized(std::string_view text) {
  const std::u32string characters = to_characters(text);
  if (characters.empty()) return "";
  return to_title_character(characters[0]) + to_lower(from_characters(characters.substr(1)));
}

bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || is_title(c); }

std::string titled(std::string_view text) {
  std::string out, word;
  const auto finish = [&] { out += capitalized(word), word.clear(); };
  for (const char32_t c : to_characters(text)) {
    if (!is_cased(c)) finish();
    append_character(word, c);
    if (!is_cased(c)) out += word, word.clear();
  }
  finish();
  return out;
}

std::string swapped(std::string_view text) {
  const std::u32string characters = to_characters(text), lowered = to_characters(to_lower(text));
  const bool aligned = lowered.size() == characters.size();  // then a final sigma is known by its place
  std::string out;
  for (size_t i = 0; i < characters.size(); ++i) {
    std::string one;
    append_character(one, characters[i]);
    if (is_upper(characters[i]) && aligned)
      append_character(out, lowered[i]);
    else
      out += is_upper(characters[i]) ? to_lower(one) : is_lower(characters[i]) ? to_upper(one) : one;
  }
  return out;
}

template <bool (*Is)(char32_t)>
Value all_are(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("str method", arguments);
  const std::u32string characters = to_characters(self.str());
  return Value(!characters.empty() && std::all_of(characters.begin(), characters.end(), Is));
}

bool is_alphanumeric(char32_t c) { return is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c); }

Value all_ascii(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("isascii", arguments);
  return Value(is_ascii(self.str()));
}

Value all_printable(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("isprintable", arguments);
  const std::u32string characters = to_characters(self.str());
  return Value(std::all_of(characters.begin(), characters.end(), is_printable));
}

Value is_identifier(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("isidentifier", arguments);
  const std::u32string characters = to_characters(self.str());
  return Value(!characters.empty() && is_identifier_start(characters[0]) &&
               std::all_of(characters.begin(), characters.end(), is_identifier_part));
}

/// Some character has a case, and all that have one have this one.
template <bool (*Is)(char32_t), bool (*IsOther)(char32_t)>
Value all_cased(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("str method", arguments);
  bool any = false;
  for (const char32_t c : to_characters(self.str())) {
    if (IsOther(c) || is_title(c)) return Value(false);
    any = any || Is(c);
  }
  return Value(any);
}

Value all_titled(Runtime &, const Value &self, const Arguments &arguments) {
  take_no_arguments("istitle", arguments);
  bool any = false, within = false;
  for (const char32_t c : to_characters(self.str())) {
    if ((is_upper(c) || is_title(c)) == within && is_cased(c)) return Value(false);
    within = is_cased(c);
    any = any || within;
  }
  return Value(any);
}

}  // namespace

std::span<const MethodEntry> case_methods() {
  static constexpr MethodEntry kMethods[] = {
      {"upper", mapped<to_upper>},
      {"lower", mapped<to_lower>},
      {"casefold", mapped<to_casefold>},
      {"capitalize", mapped<capitalized>},
      {"title", mapped<titled>},
      {"swapcase", mapped<swapped>},
      {"isspace", all_are<is_space>},
      {"isalpha", all_are<is_alpha>},
      {"isalnum", all_are<is_alphanumeric>},
      {"isdecimal", all_are<is_decimal>},
      {"isdigit", all_are<is_digit>},
      {"isnumeric", all_are<is_numeric>},
      {"isascii", all_ascii},
      {"isprintable", all_printable},
      {"isidentifier", is_identifier},
      {"isupper", all_cased<is_upper, is_lower>},
      {"islower", all_cased<is_lower, is_upper>},
      {"istitle", all_titled},
  };
  return kMethods;
}

}  // namespace kvern::templates
