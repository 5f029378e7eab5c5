// Between the trees of configuration files and C++ types.
#include <kvern/generation_options.hpp>

namespace kvern {
namespace {

const OptionArray &array_of(const Option &option) { return std::get<OptionArray>(option.value); }

template <class T>
void elements(const Option &option, std::vector<T> &to) {
  to.clear();
  for (const Option &item : array_of(option)) {
    T value;
    from_option(item, value);
    to.push_back(std::move(value));
  }
}

template <class T>
Option array_option(const std::vector<T> &values) {
  OptionArray array;
  for (const T &value : values) array.push_back({value, ""});
  return {std::move(array), ""};
}

}  // namespace

void from_option(const Option &option, bool &to) { to = std::get<bool>(option.value); }
void from_option(const Option &option, int64_t &to) { to = std::get<int64_t>(option.value); }
void from_option(const Option &option, std::string &to) { to = std::get<std::string>(option.value); }
void from_option(const Option &option, std::vector<int64_t> &to) { elements(option, to); }
void from_option(const Option &option, std::vector<std::string> &to) { elements(option, to); }
void from_option(const Option &option, Option &to) { to = option; }

void from_option(const Option &option, double &to) {
  const auto *integer = std::get_if<int64_t>(&option.value);
  to = integer != nullptr ? static_cast<double>(*integer) : std::get<double>(option.value);
}

Option to_option(bool value) { return {value, ""}; }
Option to_option(int64_t value) { return {value, ""}; }
Option to_option(double value) { return {value, ""}; }
Option to_option(const std::string &value) { return {value, ""}; }
Option to_option(const std::vector<int64_t> &value) { return array_option(value); }
Option to_option(const std::vector<std::string> &value) { return array_option(value); }
Option to_option(const Option &value) { return value; }

std::optional<Option> default_of(const OptionDeclaration &declaration) {
  const OptionDefault &value = declaration.default_value;
  if (const auto *v = std::get_if<bool>(&value)) return to_option(*v);
  if (const auto *v = std::get_if<int64_t>(&value)) return to_option(*v);
  if (const auto *v = std::get_if<double>(&value)) return to_option(*v);
  if (const auto *v = std::get_if<std::string_view>(&value)) return to_option(std::string(*v));
  const bool list = declaration.type == OptionType::integers || declaration.type == OptionType::texts;
  return list && !declaration.optional ? std::optional<Option>({OptionArray{}, ""}) : std::nullopt;
}

}  // namespace kvern
