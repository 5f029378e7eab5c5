// The tables of a TOML text while it is read, with TOML's rules about which table may be opened or extended again.
#pragma once
#include <kvern/options.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/config/text/cursor.hpp"

namespace kvern::config {

struct TomlTable;

/// A value, a table, or (as [[name]] makes it) a list of tables.
struct TomlNode {
  Option value;
  std::unique_ptr<TomlTable> table;
  std::vector<std::unique_ptr<TomlTable>> tables;
  size_t line = 0;
};

struct TomlTable {
  /// implied: by a longer header; header: by its own; dotted: by a dotted key of `section`; closed: an inline table.
  enum class Origin { implied, header, dotted, closed };
  Origin origin = Origin::implied;
  size_t section = 0;  ///< the header, by its number, under which it was opened
  size_t line = 0;
  std::vector<std::pair<std::string, TomlNode>> items;
  std::unordered_map<std::string, size_t> index;

  TomlNode *find(const std::string &key);
  TomlNode &add(const std::string &key, size_t line);
};

using TomlKey = std::vector<std::string>;

/// The table that [key] opens. Throws SyntaxError where it exists already.
TomlTable &open_header(TomlTable &top, const TomlKey &key, size_t section, const Cursor &at);
/// The next table of the list that [[key]] extends.
TomlTable &open_list_item(TomlTable &top, const TomlKey &key, size_t section, const Cursor &at);
/// The new node for `key = value` in `table`. Throws SyntaxError where it exists already.
TomlNode &new_value(TomlTable &table, const TomlKey &key, size_t section, const Cursor &at);

/// The finished tree; every place is "FILE:LINE".
OptionTable to_options(TomlTable &table, const Cursor &at);

}  // namespace kvern::config
