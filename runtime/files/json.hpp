// Reading the JSON files of a model folder: a tree whose every value knows where it stands, so that each
// wrong type is one message ("config.json: rope_scaling.factor: expected a number, found a string"). Not a
// general JSON library.
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvern::files {

/// One object of a JSON file. Cheap to copy; keeps the document alive. Const use from any thread. `null`
/// counts as absent, as in transformers. Integers are accepted where a number is wanted; nothing else is
/// converted. Every getter throws Error(model) naming file and key; those without a default also where the
/// key is absent.
class JsonObject {
 public:
  /// Parses a text whose top is an object. Duplicate keys and a depth beyond kMaxJsonDepth are refused; NaN, Infinity
  /// and -Infinity, which Python writes, are numbers. `place` (the file's path) begins every message.
  static JsonObject parse(std::string_view text, const std::string &place);
  static JsonObject read(const std::filesystem::path &path);

  /// The same object where keys that are absent or null have the value that `text`, an object, gives them. A null stays
  /// for booleans (false) and for the keys of `nullable`, where it means something else than an absent key.
  JsonObject with_defaults(const std::string &text, const std::vector<std::string> &nullable) const;

  bool has(const std::string &key) const;  ///< there and not null
  std::vector<std::string> keys() const;   ///< sorted, those with null included

  int64_t integer(const std::string &key) const;
  int64_t integer(const std::string &key, int64_t otherwise) const;
  /// An integer in [1, 2^31): sizes and counts.
  int64_t size(const std::string &key) const;
  int64_t size(const std::string &key, int64_t otherwise) const;
  double number(const std::string &key) const;  ///< finite; in a list infinity and NaN are accepted
  double number(const std::string &key, double otherwise) const;
  bool boolean(const std::string &key) const;
  bool boolean(const std::string &key, bool otherwise) const;
  std::string string(const std::string &key) const;
  std::string string(const std::string &key, const std::string &otherwise) const;
  std::vector<int64_t> integers(const std::string &key) const;         ///< a list
  std::vector<int64_t> integer_or_list(const std::string &key) const;  ///< one or several; empty where absent
  std::vector<double> numbers(const std::string &key) const;           ///< a list
  std::vector<std::string> strings(const std::string &key) const;      ///< a list
  JsonObject object(const std::string &key) const;

  bool is_object(const std::string &key) const;
  bool is_string(const std::string &key) const;

  /// "FILE: path.to.key", the beginning of a message about `key`.
  std::string place(const std::string &key) const;
  /// Throws Error(model): "FILE: path.to.key: TEXT".
  [[noreturn]] void fail(const std::string &key, const std::string &text) const;

  /// The value itself for the few who need more (include <nlohmann/json.hpp> there); valid while this object
  /// lives.
  const nlohmann::json &raw() const { return *node_; }

 private:
  JsonObject(std::shared_ptr<const nlohmann::json> document, const nlohmann::json *node, std::string place,
             std::string path);
  const nlohmann::json *find(const std::string &key) const;     // null where absent or null
  const nlohmann::json &require(const std::string &key) const;  // throws where absent or null

  std::shared_ptr<const nlohmann::json> document_;
  const nlohmann::json *node_;
  std::string place_, path_;
};

}  // namespace kvern::files
