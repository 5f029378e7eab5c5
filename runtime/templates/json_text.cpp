#include "runtime/templates/json_text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/support/json_depth.hpp"
#include "runtime/templates/arguments.hpp"
#include "runtime/templates/compare.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

std::string unicode_escape(unsigned unit) {
  char out[16];
  std::snprintf(out, sizeof out, "\\u%04x", unit);
  return out;
}

void append_json_character(std::string &out, char32_t c, bool ascii) {
  static constexpr std::string_view kPlain = "\"\\\n\r\t\f\b", kEscaped = "\"\\nrtfb";
  const size_t place = c < 0x80 ? kPlain.find(static_cast<char>(c)) : kPlain.npos;
  if (place != kPlain.npos) {
    (out += '\\') += kEscaped[place];
  } else if (c < 0x20) {
    out += unicode_escape(c);
  } else if (c < 0x7F || (!ascii) || c == 0x7F) {
    append_character(out, c);
  } else if (c < 0x10000) {
    out += unicode_escape(c);
  } else {
    out += unicode_escape(0xD800 + ((c - 0x10000) >> 10)) + unicode_escape(0xDC00 + ((c - 0x10000) & 0x3FF));
  }
}

std::string json_string(const std::string &text, bool ascii) {
  std::string out = "\"";
  for (const char32_t c : to_characters(text)) append_json_character(out, c, ascii);
  return out + '"';
}

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return repr_float(value);
}

class Writer {
 public:
  Writer(Budget &budget, const JsonStyle &style) : budget_(budget), style_(style) {}

  std::string run(const Value &value) {
    write(value, 0);
    return std::move(out_);
  }

 private:
  void write(const Value &value, int level) {
    budget_.step();
    if (value.is_text())
      out_ += json_string(value.str(), style_.ascii);
    else if (value.is_none() || value.is_bool())
      out_ += value.is_none() ? "null" : value.as_bool() ? "true" : "false";
    else if (value.is_int())
      out_ += std::to_string(value.as_int());
    else if (value.is_float())
      out_ += json_float(value.as_double());
    else if (value.is_list())
      list(value.as_list(), level);
    else if (value.is_dict())
      dict(value.as_dict(), level);
    else
      type_error("Object of type " + value.type_name() + " is not JSON serializable");
    budget_.require_fit(static_cast<int64_t>(out_.size()));
  }

  void new_line(int level) {
    if (!style_.multiline) return;
    out_ += '\n';
    for (int i = 0; i < level; ++i) out_ += style_.indent;
  }

  void separate(bool first, int level) {
    if (!first) out_ += style_.item_separator;
    new_line(level);
  }

  void list(const List &list, int level) {
    out_ += '[';
    for (size_t i = 0; i < list.items.size(); ++i) {
      separate(i == 0, level + 1);
      write(list.items[i], level + 1);
    }
    if (!list.items.empty()) new_line(level);
    out_ += ']';
  }

  static std::string key_text(const Value &key) {
    if (key.is_text()) return key.str();
    if (key.is_none() || key.is_bool()) return key.is_none() ? "null" : key.as_bool() ? "true" : "false";
    if (key.is_int()) return std::to_string(key.as_int());
    if (key.is_float()) return json_float(key.as_double());
    type_error("keys must be str, int, float, bool or None, not " + key.type_name());
  }

  void dict(const Dict &dict, int level) {
    auto entries = dict.entries();
    if (style_.sort_keys)
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto &a, const auto &b) { return is_less(a.first, b.first); });
    out_ += '{';
    for (size_t i = 0; i < entries.size(); ++i) {
      separate(i == 0, level + 1);
      out_ += json_string(key_text(entries[i].first), style_.ascii) + style_.key_separator;
      write(entries[i].second, level + 1);
    }
    if (!entries.empty()) new_line(level);
    out_ += '}';
  }

  Budget &budget_;
  const JsonStyle &style_;
  std::string out_;
};

using Json = nlohmann::ordered_json;

Value convert(const Json &json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value(json.get<bool>());
    case Json::value_t::number_integer:
      return Value(json.get<int64_t>());
    case Json::value_t::number_unsigned: {
      const auto number = json.get<uint64_t>();
      return number > INT64_MAX ? Value(static_cast<double>(number)) : Value(static_cast<int64_t>(number));
    }
    case Json::value_t::number_float:
      return Value(json.get<double>());
    case Json::value_t::string:
      return Value(json.get<std::string>());
    case Json::value_t::array: {
      std::vector<Value> items;
      for (const Json &item : json) items.push_back(convert(item));
      return Value::list(std::move(items));
    }
    case Json::value_t::object: {
      Dict dict;
      for (const auto &[key, value] : json.items()) dict.set(Value(key), convert(value));
      return Value::dict(std::move(dict));
    }
    default:
      return Value();
  }
}

}  // namespace

std::string to_json(Budget &budget, const Value &value, const JsonStyle &style) {
  budget.step(1 + value.weight() / 16);
  return Writer(budget, style).run(value);
}

std::string to_json(const Value &value) {
  Limits unlimited;
  unlimited.value_bytes = unlimited.steps = INT64_MAX;
  Budget budget(unlimited);
  JsonStyle style;
  style.multiline = true;
  style.indent = "  ";
  style.item_separator = ",";
  return to_json(budget, value, style);
}

Value from_json(std::string_view text, const std::string &place, ErrorKind kind) {
  try {
    check_json_depth(text, place);
    return convert(Json::parse(text));
  } catch (const Error &error) {
    throw Error(kind, error.what());
  } catch (const nlohmann::json::exception &error) {
    throw Error(kind, place + ": " + error.what());
  } catch (const Failure &failure) {
    throw Error(kind, place + ": " + failure.text);
  }
}

Value tojson(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = parameters.flag(runtime, 0, false);
  style.sort_keys = parameters.flag(runtime, 3, false);
  const Value indent = parameters.or_none(1), separators = parameters.or_none(2);
  style.multiline = !indent.is_none();
  if (indent.is_text())
    style.indent = indent.str();
  else if (style.multiline)
    style.indent = std::string(static_cast<size_t>(std::clamp<int64_t>(parameters.integer(1), 0, 1000)), ' ');
  if (style.multiline) style.item_separator = ",";
  if (!separators.is_none()) {
    if (!separators.is_list() || separators.as_list().items.size() != 2 ||
        !separators.as_list().items[0].is_text() || !separators.as_list().items[1].is_text())
      type_error("tojson(): separators must be two strings");
    style.item_separator = separators.as_list().items[0].str();
    style.key_separator = separators.as_list().items[1].str();
  }
  return Value(to_json(runtime.budget(), value, style));
}

}  // namespace kvern::templates
