#include "runtime/config/text/toml_tree.hpp"

#include "runtime/support/printable.hpp"

namespace kvern::config {
namespace {

using Origin = TomlTable::Origin;

[[noreturn]] void refuse_again(const std::string &key, size_t line, const Cursor &at) {
  at.fail(in_quotes(key) + " already exists, since line " + std::to_string(line));
}

TomlNode &new_table(TomlTable &parent, const std::string &key, Origin origin, size_t section,
                    const Cursor &at) {
  TomlNode &node = parent.add(key, at.line());
  node.table = std::make_unique<TomlTable>();
  node.table->origin = origin;
  node.table->section = section;
  node.table->line = at.line();
  return node;
}

// The table that holds the last part of a header's key; the last one of a list of tables.
TomlTable &parent_of(TomlTable &top, const TomlKey &key, size_t section, const Cursor &at) {
  TomlTable *table = &top;
  for (size_t i = 0; i + 1 < key.size(); ++i) {
    TomlNode *node = table->find(key[i]);
    if (node == nullptr) node = &new_table(*table, key[i], Origin::implied, section, at);
    if (!node->tables.empty())
      table = node->tables.back().get();
    else if (node->table && node->table->origin != Origin::closed)
      table = node->table.get();
    else
      refuse_again(key[i], node->line, at);
  }
  return *table;
}

}  // namespace

TomlNode *TomlTable::find(const std::string &key) {
  const auto found = index.find(key);
  return found == index.end() ? nullptr : &items[found->second].second;
}

TomlNode &TomlTable::add(const std::string &key, size_t at_line) {
  index.emplace(key, items.size());
  items.emplace_back(key, TomlNode{});
  items.back().second.line = at_line;
  return items.back().second;
}

TomlTable &open_header(TomlTable &top, const TomlKey &key, size_t section, const Cursor &at) {
  TomlTable &parent = parent_of(top, key, section, at);
  TomlNode *node = parent.find(key.back());
  if (node == nullptr) return *new_table(parent, key.back(), Origin::header, section, at).table;
  if (!node->table || node->table->origin != Origin::implied) refuse_again(key.back(), node->line, at);
  node->table->origin = Origin::header;
  return *node->table;
}

TomlTable &open_list_item(TomlTable &top, const TomlKey &key, size_t section, const Cursor &at) {
  TomlTable &parent = parent_of(top, key, section, at);
  TomlNode *node = parent.find(key.back());
  if (node != nullptr && node->tables.empty()) refuse_again(key.back(), node->line, at);
  if (node == nullptr) node = &parent.add(key.back(), at.line());
  node->tables.push_back(std::make_unique<TomlTable>());
  TomlTable &table = *node->tables.back();
  table.origin = Origin::header;
  table.section = section;
  table.line = at.line();
  return table;
}

TomlNode &new_value(TomlTable &table, const TomlKey &key, size_t section, const Cursor &at) {
  TomlTable *parent = &table;
  for (size_t i = 0; i + 1 < key.size(); ++i) {
    TomlNode *node = parent->find(key[i]);
    if (node == nullptr) node = &new_table(*parent, key[i], Origin::dotted, section, at);
    TomlTable *next = node->table.get();
    const bool own = next != nullptr && next->origin == Origin::dotted && next->section == section;
    if (next == nullptr || (!own && next->origin != Origin::implied)) refuse_again(key[i], node->line, at);
    next->origin = Origin::dotted;
    next->section = section;
    parent = next;
  }
  if (const TomlNode *old = parent->find(key.back())) refuse_again(key.back(), old->line, at);
  return parent->add(key.back(), at.line());
}

OptionTable to_options(TomlTable &table, const Cursor &at) {
  OptionTable result;
  result.reserve(table.items.size());
  for (auto &[key, node] : table.items) {
    Option option = std::move(node.value);
    if (node.table) {
      option = {to_options(*node.table, at), at.place(node.line)};
    } else if (!node.tables.empty()) {
      OptionArray list;
      for (auto &item : node.tables) list.push_back({to_options(*item, at), at.place(item->line)});
      option = {std::move(list), at.place(node.line)};
    }
    result.emplace_back(key, std::move(option));
  }
  return result;
}

}  // namespace kvern::config
