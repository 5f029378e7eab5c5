// Types and ranges of values, and what a declaration requires in words.
#include <cmath>
#include <kvern/generation_options.hpp>
#include <sstream>

namespace kvern {
namespace {

bool is_number(const Option &option) {
  const auto *number = std::get_if<double>(&option.value);
  return number != nullptr ? std::isfinite(*number) : std::holds_alternative<int64_t>(option.value);
}

bool is_none(const OptionDeclaration &d, const Option &value) {
  const auto *text = std::get_if<std::string>(&value.value);
  return d.optional && text != nullptr && *text == "none";
}

template <class T>
const Option *first_not(const Option &value) {
  const auto *array = std::get_if<OptionArray>(&value.value);
  if (array == nullptr) return std::holds_alternative<T>(value.value) ? nullptr : &value;
  for (const Option &item : *array)
    if (!std::holds_alternative<T>(item.value)) return &item;
  return nullptr;
}

/// The value, or the element of it, that has a wrong type.
const Option *wrong_type(const OptionDeclaration &d, const Option &value) {
  const auto unless = [&](bool good) { return good ? nullptr : &value; };
  switch (d.type) {
    case OptionType::boolean:
      return unless(std::holds_alternative<bool>(value.value));
    case OptionType::integer:
      return unless(std::holds_alternative<int64_t>(value.value));
    case OptionType::number:
      return unless(is_number(value));
    case OptionType::text:
      return unless(std::holds_alternative<std::string>(value.value));
    case OptionType::integers:
      return first_not<int64_t>(value);
    case OptionType::texts:
      return first_not<std::string>(value);
    case OptionType::tree:
      break;
  }
  return unless(d.accepts == nullptr || d.accepts(value));
}

bool in_range(const OptionRange &range, double value) {
  return (range.above_min ? value > range.min : value >= range.min) && value <= range.max;
}

const Option *out_of_range(const OptionDeclaration &d, const Option &value) {
  if (const auto *array = std::get_if<OptionArray>(&value.value); array && d.type == OptionType::integers) {
    for (const Option &item : *array)
      if (out_of_range(d, item)) return &item;
    return nullptr;
  }
  if (!is_number(value) || d.type == OptionType::tree) return nullptr;
  double number = 0;
  from_option(value, number);
  return in_range(d.range, number) ? nullptr : &value;
}

std::string range_text(const OptionRange &range) {
  std::ostringstream text;
  if (std::isfinite(range.max))
    text << (range.above_min ? " above " : " from ") << range.min
         << (range.above_min ? " and at most " : " to ") << range.max;
  else if (std::isfinite(range.min) && range.above_min)
    text << " above " << range.min;
  else if (std::isfinite(range.min))
    text << " of " << range.min << " or more";
  return text.str();
}

std::string type_text(const OptionDeclaration &d) {
  const std::string range = range_text(d.range);
  switch (d.type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return "an integer" + range;
    case OptionType::number:
      return "a number" + range;
    case OptionType::text:
      return "a string";
    case OptionType::integers:
      return "an integer" + range + ", or a list of such";
    case OptionType::texts:
      return "a string, or a list of strings";
    case OptionType::tree:
      break;
  }
  return std::string(d.form);
}

}  // namespace

std::string required_text(const OptionDeclaration &d) {
  return type_text(d) + (d.optional ? ", or \"none\"" : "");
}

std::optional<OptionMismatch> type_mismatch(const OptionDeclaration &d, const Option &value) {
  if (is_none(d, value)) return {};
  const Option *found = wrong_type(d, value);
  return found != nullptr ? std::optional(OptionMismatch{required_text(d), found}) : std::nullopt;
}

std::optional<OptionMismatch> mismatch(const OptionDeclaration &d, const Option &value) {
  if (is_none(d, value)) return {};
  if (auto wrong = type_mismatch(d, value)) return wrong;
  const Option *found = out_of_range(d, value);
  return found != nullptr ? std::optional(OptionMismatch{required_text(d), found}) : std::nullopt;
}

}  // namespace kvern
