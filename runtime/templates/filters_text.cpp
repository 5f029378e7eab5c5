// Filters that make texts of texts.
#include <algorithm>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/format_spec.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/json_text.hpp"
#include "runtime/templates/methods.hpp"
#include "runtime/templates/printf_format.hpp"
#include "runtime/templates/registry.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

/// Markup as it is, anything else as its text.
Value soft_text(Runtime &runtime, const Value &value) {
  if (value.is_text()) return value;
  runtime.walk(value);
  return Value(str(value));
}

Value call_method(Runtime &runtime, const Value &value, const char *name, const Arguments &arguments) {
  return runtime.call(*find_method(soft_text(runtime, value), name), arguments);
}

Value upper(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("upper", arguments);
  return call_method(runtime, value, "upper", {});
}

Value lower(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("lower", arguments);
  return call_method(runtime, value, "lower", {});
}

Value capitalize(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("capitalize", arguments);
  return call_method(runtime, value, "capitalize", {});
}

/// Words begin behind white space, hyphens and opening brackets, unlike those of str.title.
Value title(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("title", arguments);
  const auto is_break = [](char32_t c) {
    return is_space(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
  };
  const Value text = soft_text(runtime, value);
  std::string out, word;
  const auto finish = [&] {
    if (word.empty()) return;
    const size_t first = character_bytes(word, 0);
    out += to_upper(word.substr(0, first)) + to_lower(word.substr(first));
    word.clear();
  };
  for (const char32_t c : to_characters(text.str())) {
    if (is_break(c))
      finish(), append_character(out, c);
    else
      append_character(word, c);
  }
  finish();
  return Value(std::move(out));
}

Value trim(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("trim", arguments, {"chars"});
  const Value text = soft_text(runtime, value), chars = parameters.or_none(0);
  const std::string *which = chars.is_none() ? nullptr : &parameters.text(0);
  return Value(strip(text.str(), which, Side::both), text.is_markup());
}

Value replace_filter(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("replace", arguments, {"old", "new", "count"}, 2);
  for (const Value *part : {&value, &parameters[0], &parameters[1]}) runtime.walk(*part);
  Arguments strings;
  strings.positional = {Value(str(parameters[0])), Value(str(parameters[1]))};
  if (!parameters.or_none(2).is_none()) strings.positional.push_back(parameters[2]);
  return runtime.call(*find_method(Value(str(value)), "replace"), strings);
}

Value center_filter(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("center", arguments, {"width"});
  return call_method(runtime, value, "center", {{parameters.has(0) ? parameters[0] : Value(80)}, {}});
}

Value to_text(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("string", arguments);
  return soft_text(runtime, value);
}

Value format_filter(Runtime &runtime, const Value &value, const Arguments &arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    fail(Failure::Kind::other, "can't handle positional and keyword arguments at the same time");
  Dict named;
  for (const auto &[key, item] : arguments.named) named.set(Value(key), item);
  const Value values =
      arguments.named.empty() ? Value::tuple(arguments.positional) : Value::dict(std::move(named));
  return Value(format_printf(runtime, soft_text(runtime, value).str(), values));
}

Value joined(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("join", arguments, {"d", "attribute"});
  const Value separator = parameters.has(0) ? parameters[0] : Value("");
  const Value items = parameters.or_none(1).is_none()
                          ? value
                          : runtime.call_filter("map", value, {{}, {{"attribute", parameters[1]}}});
  std::string out;
  bool first = true;
  const auto iterator = iterate(runtime, items);
  for (Value item; iterator->next(item); first = false) {
    runtime.walk(item);
    const std::string piece = (first ? "" : str(separator)) + str(item);
    runtime.budget().make(static_cast<int64_t>(piece.size()));
    out += piece;
    runtime.budget().require_fit(static_cast<int64_t>(out.size()));
  }
  return Value(std::move(out));
}

Value indent(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("indent", arguments, {"width", "first", "blank"});
  require_defined(value);
  if (!value.is_text()) type_error("can only concatenate " + value.type_name() + " with a line break");
  const bool is_text = parameters.has(0) && parameters[0].is_text();
  const std::string space =
      is_text
          ? parameters[0].str()
          : std::string(static_cast<size_t>(std::clamp<int64_t>(parameters.integer(0, 4), 0, 10000)), ' ');
  const bool blank = parameters.flag(runtime, 2, false);
  const auto lines = split_lines(value.str() + "\n", false);
  runtime.budget().make(static_cast<int64_t>(value.str().size() + lines.size() * (space.size() + 1)));
  std::string out = parameters.flag(runtime, 1, false) ? space : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i) out += "\n";
    if (i && (blank || !lines[i].empty())) out += space;
    out += lines[i];
  }
  return Value(std::move(out), value.is_markup());
}

Value truncate(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const std::string end = parameters.has(2) ? parameters.text(2) : "...";
  const int64_t length = parameters.integer(0, 255),
                leeway = parameters.or_none(3).is_none() ? 5 : parameters.integer(3);
  const auto end_length = static_cast<int64_t>(count_characters(end));
  if (length < end_length)
    value_error("expected length >= " + std::to_string(end_length) + ", got " + std::to_string(length));
  if (leeway < 0) value_error("expected leeway >= 0, got " + std::to_string(leeway));
  if (require_length(runtime, value) <= length + leeway) return value;
  if (!value.is_text()) type_error("truncate(): expected a string, found " + value.type_name());
  std::string cut = value.str().substr(0, byte_of(value.str(), static_cast<size_t>(length - end_length)));
  if (!parameters.flag(runtime, 1, false)) cut = cut.substr(0, cut.rfind(' '));
  return Value(cut + end, value.is_markup());
}

Value count_words(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("wordcount", arguments);
  int64_t words = 0;
  bool within = false;
  for (const char32_t c : to_characters(soft_text(runtime, value).str())) {
    const bool is_word = c == U'_' || is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c);
    words += is_word && !within ? 1 : 0;
    within = is_word;
  }
  return Value(words);
}

}  // namespace

std::span<const FilterEntry> text_filters() {
  static constexpr FilterEntry kFilters[] = {
      {"upper", upper},           {"lower", lower},    {"capitalize", capitalize},
      {"title", title},           {"trim", trim},      {"replace", replace_filter},
      {"center", center_filter},  {"string", to_text}, {"format", format_filter},
      {"join", joined},           {"indent", indent},  {"truncate", truncate},
      {"wordcount", count_words}, {"tojson", tojson},
  };
  return kFilters;
}

}  // namespace kvern::templates
