// A tree of options as TOML or JSON text. What is written reads back as the same tree: types, values and keys.
#pragma once
#include <kvern/options.hpp>
#include <string>
#include <string_view>

namespace kvern::config {

/// Values first, then tables under their headers; each line ends with a line break.
std::string to_toml(const OptionTable &table);

/// One value as it stands right of '='.
std::string to_toml_value(const Option &option);

/// An object over several lines, with a line break at the end. Numbers that are not finite are written as Python writes them.
std::string to_json(const OptionTable &table);

/// Whether two trees have the same keys, in any order, and values of the same types. NaN equals NaN; places do not count.
bool same_options(const OptionTable &a, const OptionTable &b);
bool same_option(const Option &a, const Option &b);

/// Gives a value, and all in it, one place.
void set_place(Option &option, const std::string &place);

/// The value of a key, or nullptr.
const Option *find_option(const OptionTable &table, std::string_view key);

}  // namespace kvern::config
