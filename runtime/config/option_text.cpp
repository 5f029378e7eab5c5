#include "runtime/config/option_text.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "runtime/support/utf8.hpp"

namespace kvern::config {
namespace {

// The escapes that TOML and JSON share. Characters from 0x7F to 0x9F are escaped too: TOML requires the first.
std::string in_quotation_marks(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const auto [length, code] = first_utf8(text.substr(i));
    if (length == 0) {
      out += "\\ufffd";
      ++i;
      continue;
    }
    if (code == '"' || code == '\\')
      out += {'\\', static_cast<char>(code)};
    else if (code == '\n')
      out += "\\n";
    else if (code == '\t')
      out += "\\t";
    else if (code < 0x20 || (code >= 0x7F && code < 0xA0))
      out.append("\\u00").append({kDigits[code >> 4], kDigits[code & 15]});
    else
      out.append(text.substr(i, length));
    i += length;
  }
  return out + '"';
}

// The shortest text that reads back as the same number, never like an integer.
std::string finite_text(double value) {
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  if (const size_t e = text.find('e'); e != std::string::npos && text.find('.') == std::string::npos)
    text.insert(e, ".0");
  return text;
}

std::string number_text(double value, const char *nan, const char *infinity) {
  if (std::isnan(value)) return nan;
  if (std::isinf(value)) return std::string(value < 0 ? "-" : "") + infinity;
  return finite_text(value);
}

std::string toml_key(const std::string &key) {
  const auto bare = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  };
  return !key.empty() && std::all_of(key.begin(), key.end(), bare) ? key : in_quotation_marks(key);
}

struct TomlValue {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number_text(value, "nan", "inf"); }
  std::string operator()(const std::string &value) const { return in_quotation_marks(value); }
  std::string operator()(const OptionArray &list) const {
    std::string text = "[";
    for (const Option &item : list) text += (text.size() > 1 ? ", " : "") + std::visit(*this, item.value);
    return text + "]";
  }
  std::string operator()(const OptionTable &table) const {
    std::string text = "{";
    for (const auto &[key, item] : table)
      text += (text.size() > 1 ? ", " : " ") + toml_key(key) + " = " + std::visit(*this, item.value);
    return text + (table.empty() ? "}" : " }");
  }
};

bool has_header(const Option &option) { return std::holds_alternative<OptionTable>(option.value); }

void append_toml(const OptionTable &table, const std::string &path, std::string &to) {
  for (const auto &[key, option] : table)
    if (!has_header(option)) to += toml_key(key) + " = " + to_toml_value(option) + "\n";
  for (const auto &[key, option] : table) {
    if (!has_header(option)) continue;
    const std::string header = path + toml_key(key);
    to += (to.empty() ? "[" : "\n[") + header + "]\n";
    append_toml(std::get<OptionTable>(option.value), header + ".", to);
  }
}

class JsonText {
 public:
  explicit JsonText(std::string indent) : indent_(std::move(indent)) {}
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number_text(value, "NaN", "Infinity"); }
  std::string operator()(const std::string &value) const { return in_quotation_marks(value); }
  std::string operator()(const OptionArray &list) const {
    std::string text = "[";
    for (const Option &item : list) text += (text.size() > 1 ? ", " : "") + std::visit(deeper(), item.value);
    return text + "]";
  }
  std::string operator()(const OptionTable &table) const {
    if (table.empty()) return "{}";
    std::string text = "{";
    for (const auto &[key, item] : table)
      text += (text.size() > 1 ? ",\n  " : "\n  ") + indent_ + in_quotation_marks(key) + ": " +
              std::visit(deeper(), item.value);
    return text + "\n" + indent_ + "}";
  }

 private:
  JsonText deeper() const { return JsonText(indent_ + "  "); }
  std::string indent_;
};

}  // namespace

std::string to_toml_value(const Option &option) { return std::visit(TomlValue(), option.value); }

std::string to_toml(const OptionTable &table) {
  std::string text;
  append_toml(table, "", text);
  return text;
}

std::string to_json(const OptionTable &table) { return JsonText("")(table) + "\n"; }

const Option *find_option(const OptionTable &table, std::string_view key) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto &item) { return item.first == key; });
  return found == table.end() ? nullptr : &found->second;
}

bool same_option(const Option &a, const Option &b) {
  if (a.value.index() != b.value.index()) return false;
  if (const auto *x = std::get_if<OptionTable>(&a.value))
    return same_options(*x, std::get<OptionTable>(b.value));
  if (const auto *x = std::get_if<OptionArray>(&a.value)) {
    const auto &y = std::get<OptionArray>(b.value);
    return std::equal(x->begin(), x->end(), y.begin(), y.end(), same_option);
  }
  if (const auto *x = std::get_if<double>(&a.value)) {
    const double y = std::get<double>(b.value);
    return *x == y || (std::isnan(*x) && std::isnan(y));
  }
  if (const auto *x = std::get_if<bool>(&a.value)) return *x == std::get<bool>(b.value);
  if (const auto *x = std::get_if<int64_t>(&a.value)) return *x == std::get<int64_t>(b.value);
  return std::get<std::string>(a.value) == std::get<std::string>(b.value);
}

void set_place(Option &option, const std::string &place) {
  option.place = place;
  if (auto *table = std::get_if<OptionTable>(&option.value)) {
    for (auto &[key, item] : *table) set_place(item, place);
  }
  if (auto *array = std::get_if<OptionArray>(&option.value)) {
    for (Option &item : *array) set_place(item, place);
  }
}

bool same_options(const OptionTable &a, const OptionTable &b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto &item) {
           const Option *other = find_option(b, item.first);
           return other != nullptr && same_option(item.second, *other);
         });
}

}  // namespace kvern::config
