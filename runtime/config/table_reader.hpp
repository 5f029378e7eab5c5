// Typed reading of an option tree: every key that is read is known, whatever remains is an error with the
// nearest name.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <kvern/options.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kvern::config {

/// "the string 'x'", "the integer 5", "a table": what a message says was found.
std::string describe(const Option &option);

/// Reads one table. Integers are accepted where a number is wanted; nothing else is converted. Every function
/// throws Error(config) that begins with the value's place and names the key by its path ("run.toml:3:
/// generation.top_k: ...").
class TableReader {
 public:
  /// `path` is "" for the top, else the table's name. The table outlives the reader.
  TableReader(const OptionTable &table, std::string path);

  /// Each marks `key` as known, and leaves `out` alone where the key is absent.
  void read(const std::string &key, std::optional<bool> &out);
  void read(const std::string &key, std::optional<int64_t> &out, int64_t least);
  void read(const std::string &key, std::optional<std::string> &out);
  /// A finite number for which `accept` holds; `wanted` says in words what that is.
  void read(const std::string &key, std::optional<double> &out, bool (*accept)(double),
            const std::string &wanted);
  /// One integer or a list of them, each at least `least`.
  void read(const std::string &key, std::optional<std::vector<int64_t>> &out, int64_t least);
  /// One string or a list of them.
  void read(const std::string &key, std::optional<std::vector<std::string>> &out);
  /// A table, or nullptr.
  const OptionTable *table(const std::string &key);
  /// The value, whatever it is, or nullptr.
  const Option *find(const std::string &key);

  /// Throws for the first key that was not read; `others` are tables where it may belong.
  void finish(std::initializer_list<const TableReader *> others = {}) const;

  [[noreturn]] void fail(const std::string &key, const std::string &text) const;
  /// "expected WANTED, found FOUND"
  [[noreturn]] void fail_type(const std::string &key, const std::string &wanted, const Option &found) const;

 private:
  bool knows(const std::string &key) const;

  const OptionTable &table_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace kvern::config
