// Options of generation, with the names and meanings of transformers. Each is declared once, beside the code that uses
// it; configuration files, generation_config.json, flags, help, checks and documentation follow from the declaration.
#pragma once
#include <cstdint>
#include <functional>
#include <kvern/options.hpp>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace kvern {

enum class OptionType { boolean, integer, number, text, integers, texts, tree };

/// Bounds of an integer, of a number, or of each integer of a list.
struct OptionRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;  ///< `min` itself is outside
};

/// The default of an option; monostate: none, or an empty list.
using OptionDefault = std::variant<std::monostate, bool, int64_t, double, std::string_view>;

/// Constant at compile time. `type` and `optional` are filled in by GenerationOption.
struct OptionDeclaration {
  std::string_view name;
  OptionDefault default_value = {};
  OptionRange range = {};
  bool of_sampling = false;      ///< used, and its range checked, only where tokens are sampled
  std::string_view help = {};    ///< one line
  std::string_view source = {};  ///< paper or library that defines it
  std::string_view displaces =
      {};  ///< an option that a weaker source may have set and that this one replaces
  bool (*accepts)(const Option &) = nullptr;  ///< of OptionType::tree: whether a value has the right form
  std::string_view form = {};  ///< of OptionType::tree: that form in words ("a list of lists of ids")
  OptionType type = OptionType::tree;
  bool optional = false;  ///< may be "none"
};

template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
consteval OptionType option_type() {
  if constexpr (kIsOptional<T>)
    return option_type<typename T::value_type>();
  else if constexpr (std::is_same_v<T, bool>)
    return OptionType::boolean;
  else if constexpr (std::is_same_v<T, int64_t>)
    return OptionType::integer;
  else if constexpr (std::is_same_v<T, double>)
    return OptionType::number;
  else if constexpr (std::is_same_v<T, std::string>)
    return OptionType::text;
  else if constexpr (std::is_same_v<T, std::vector<int64_t>>)
    return OptionType::integers;
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return OptionType::texts;
  else {
    static_assert(std::is_same_v<T, Option>, "no type of an option");
    return OptionType::tree;
  }
}

/// T: bool, int64_t, double, std::string, std::vector of int64_t or std::string, Option (a tree whose form `accepts`
/// checks), or std::optional of one of these.
template <class T>
struct GenerationOption : OptionDeclaration {
  explicit constexpr GenerationOption(OptionDeclaration d) : OptionDeclaration(d) {
    type = option_type<T>();
    optional = kIsOptional<T>;
  }
};

using OptionDeclarations = std::span<const OptionDeclaration *const>;

/// Why a value does not suit a declaration: what is required, and the value or the element of it that is not so.
struct OptionMismatch {
  std::string required;
  const Option *found;
};

/// The type alone; range and type. nullopt: it suits.
std::optional<OptionMismatch> type_mismatch(const OptionDeclaration &declaration, const Option &value);
std::optional<OptionMismatch> mismatch(const OptionDeclaration &declaration, const Option &value);

/// "an integer of 1 or more", "true or false": what a declaration requires.
std::string required_text(const OptionDeclaration &declaration);

/// Where the value of an option came from, from the weakest to the strongest.
enum class OptionSource { built_in, model, file, flag, caller };

/// A value that was set. `value` is nullopt for "none", else normalized: lists are lists, numbers are double.
struct OptionValue {
  std::optional<Option> value;  ///< its `place` says where it was read
  OptionSource source = OptionSource::caller;
  std::string place;
};

/// Values of options, by name. An option that is not set has its declared default.
class GenerationConfig {
 public:
  template <class T>
  T get(const GenerationOption<T> &option) const;

  template <class T>
  void set(const GenerationOption<T> &option, const T &value);

  /// Sets a value whose type suits (type_mismatch), however it was read; "none" unsets an optional one.
  void set(const OptionDeclaration &option, const Option &value, OptionSource source);
  void set_none(const OptionDeclaration &option, OptionSource source, const std::string &place = "");
  void unset(const OptionDeclaration &option) { values_.erase(std::string(option.name)); }

  /// Set by anything but the declared default.
  bool is_set(const OptionDeclaration &option) const { return find(option) != nullptr; }
  /// nullptr: not set.
  const OptionValue *find(const OptionDeclaration &option) const;

  /// Values of `over` replace those here. What is set there displaces options as declared among `declared`.
  void merge(const GenerationConfig &over, OptionDeclarations declared);

  std::optional<uint64_t> seed;  ///< of the CPU generator; not set: a random one

 private:
  std::map<std::string, OptionValue> values_;
};

/// The declared default as a value; nullopt for none.
std::optional<Option> default_of(const OptionDeclaration &declaration);

// Between trees and C++ types; the tree has the right type.
void from_option(const Option &option, bool &to);
void from_option(const Option &option, int64_t &to);
void from_option(const Option &option, double &to);
void from_option(const Option &option, std::string &to);
void from_option(const Option &option, std::vector<int64_t> &to);
void from_option(const Option &option, std::vector<std::string> &to);
void from_option(const Option &option, Option &to);
Option to_option(bool value);
Option to_option(int64_t value);
Option to_option(double value);
Option to_option(const std::string &value);
Option to_option(const std::vector<int64_t> &value);
Option to_option(const std::vector<std::string> &value);
Option to_option(const Option &value);

template <class T>
T GenerationConfig::get(const GenerationOption<T> &option) const {
  const OptionValue *set = find(option);
  const std::optional<Option> value = set != nullptr ? set->value : default_of(option);
  if constexpr (kIsOptional<T>) {
    if (!value) return {};
    typename T::value_type result{};
    from_option(*value, result);
    return result;
  } else {
    T result{};
    if (value) from_option(*value, result);
    return result;
  }
}

template <class T>
void GenerationConfig::set(const GenerationOption<T> &option, const T &value) {
  if constexpr (kIsOptional<T>) {
    if (!value) return set_none(option, OptionSource::caller);
    set(option, to_option(*value), OptionSource::caller);
  } else {
    set(option, to_option(value), OptionSource::caller);
  }
}

/// All options that generation knows: its own, those of its processors, stopping rules and strategies. Sorted by name.
OptionDeclarations generation_options();

/// nullptr where there is none of that name.
const OptionDeclaration *find_option(OptionDeclarations options, std::string_view name);

/// Sets an option of generation_options() by name. Throws Error(config) for a name that is unknown (with the nearest) or a
/// value of a wrong type.
void set_option(GenerationConfig &config, std::string_view name, const Option &value,
                OptionSource source = OptionSource::caller);

}  // namespace kvern
