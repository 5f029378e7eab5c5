// Filters for HTML and URLs. A template of a chat has little use for them; |safe and |e occur all the same.
#include <cstdio>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/registry.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

std::string written(Runtime &runtime, const Value &value) {
  runtime.walk(value);
  return str(value);
}

Value safe(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("safe", arguments);
  return Value(written(runtime, value), true);
}

Value escape(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("escape", arguments);
  return value.is_markup() ? value : Value(escape_html(written(runtime, value)), true);
}

Value force_escape(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("forceescape", arguments);
  return Value(escape_html(written(runtime, value)), true);
}

std::string quote_url(const std::string &text, bool for_query) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos;
    char escaped[4];
    std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += plain || (c == '/' && !for_query) ? std::string(1, c) : c == ' ' && for_query ? "+" : escaped;
  }
  return out;
}

Value urlencode(Runtime &runtime, const Value &value, const Arguments &arguments) {
  take_no_arguments("urlencode", arguments);
  if (value.is_text() || !is_iterable(runtime, value))
    return Value(quote_url(written(runtime, value), false));
  const Value pairs = value.is_dict() ? runtime.call_filter("items", value, {}) : value;
  std::string out;
  for (const Value &pair : to_items(runtime, pairs)) {
    const auto parts = to_items(runtime, pair);
    if (parts.size() != 2) value_error("urlencode(): expected pairs");
    out += (out.empty() ? "" : "&") + quote_url(written(runtime, parts[0]), true) + "=" +
           quote_url(written(runtime, parts[1]), true);
  }
  return Value(std::move(out));
}

Value xml_attributes(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("xmlattr", arguments, {"autospace"});
  if (!value.is_dict()) type_error("xmlattr(): expected a mapping, found " + value.type_name());
  std::string out;
  for (const auto &[key, item] : value.as_dict().entries()) {
    if (item.is_none() || item.is_undefined()) continue;
    const std::string name = written(runtime, key), text = written(runtime, item);
    if (name.find_first_of(" \t\n\r\f\v/>=") != name.npos)
      value_error("Invalid character in attribute name: " + repr(key));
    out += (out.empty() ? "" : " ") + escape_html(name) + "=\"" +
           (item.is_markup() ? text : escape_html(text)) + "\"";
  }
  if (!out.empty() && parameters.flag(runtime, 0, true)) out.insert(0, " ");
  return Value(std::move(out), runtime.escapes());
}

}  // namespace

std::span<const FilterEntry> html_filters() {
  static constexpr FilterEntry kFilters[] = {
      {"safe", safe},           {"escape", escape},          {"e", escape}, {"forceescape", force_escape},
      {"urlencode", urlencode}, {"xmlattr", xml_attributes},
  };
  return kFilters;
}

}  // namespace kvern::templates
