// Typed reading of an option tree: every key that is read is known, whatever remains is an error with the
// nearest name.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <kvern/options.hpp>
#include <string>
#include <vector>

namespace kvern::config {

/// "the string 'x'", "the integer 5", "a table": what a message says was found.
std::string describe(const Option &option);

/// Reads one table and remembers which keys are known. Every function throws Error(config) that begins with the value's place
/// and names the key by its path ("run.toml:3: generation.top_k: ...").
class TableReader {
 public:
  /// `path` is "" for the top, else the table's name. The table outlives the reader.
  TableReader(const OptionTable &table, std::string path);

  /// Each marks `key` as known. A table, or nullptr.
  const OptionTable *table(const std::string &key);
  /// The value, whatever it is, or nullptr.
  const Option *find(const std::string &key);

  /// Throws for the keys that were not read, naming all of them; `others` are tables where it may belong.
  void finish(std::initializer_list<const TableReader *> others = {}) const;

  [[noreturn]] void fail(const std::string &key, const std::string &text) const;
  /// "expected WANTED, found FOUND"
  [[noreturn]] void fail_type(const std::string &key, const std::string &required, const Option &found) const;

 private:
  bool knows(const std::string &key) const;
  std::string unknown_text(const std::string &key, std::initializer_list<const TableReader *> others) const;

  const OptionTable &table_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace kvern::config
