// The values of options, by name.
#include <algorithm>
#include <kvern/generation_options.hpp>
#include <utility>

namespace kvern {
namespace {

/// A single value stands for a list of one, an integer for a number.
Option normalized(const OptionDeclaration &d, const Option &value) {
  const bool list = d.type == OptionType::integers || d.type == OptionType::texts;
  if (list && !std::holds_alternative<OptionArray>(value.value)) return {OptionArray{value}, value.place};
  if (d.type != OptionType::number) return value;
  double number = 0;
  from_option(value, number);
  return {number, value.place};
}

}  // namespace

void GenerationConfig::set(const OptionDeclaration &d, const Option &value, OptionSource source) {
  const auto *text = std::get_if<std::string>(&value.value);
  if (d.optional && text != nullptr && *text == "none") return set_none(d, source, value.place);
  values_[std::string(d.name)] = {normalized(d, value), source, value.place};
}

void GenerationConfig::set_none(const OptionDeclaration &d, OptionSource source, const std::string &place) {
  values_[std::string(d.name)] = {std::nullopt, source, place};
}

const OptionValue *GenerationConfig::find(const OptionDeclaration &d) const {
  const auto found = values_.find(std::string(d.name));
  return found == values_.end() ? nullptr : &found->second;
}

void GenerationConfig::merge(const GenerationConfig &over, OptionDeclarations declared) {
  for (const OptionDeclaration *d : declared) {
    const OptionDeclaration *displaced = find_option(declared, d->displaces);
    if (displaced != nullptr && over.is_set(*d)) unset(*displaced);
  }
  for (const auto &[name, value] : over.values_) values_[name] = value;
  if (over.seed) seed = over.seed;
}

const OptionDeclaration *find_option(OptionDeclarations options, std::string_view name) {
  const auto found = std::find_if(options.begin(), options.end(), [&](auto *d) { return d->name == name; });
  return found == options.end() ? nullptr : *found;
}

}  // namespace kvern
