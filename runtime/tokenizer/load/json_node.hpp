// A place in a JSON file that knows its way from the root, so that every complaint names file and key.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace kvern::tokenizer {

/// A view: the JSON value must outlive it. All complaints are Error (model).
class JsonNode {
 public:
  /// The root of `file` (a path, for messages).
  JsonNode(const nlohmann::json &value, std::string file);

  const nlohmann::json &json() const { return *value_; }
  int depth() const { return depth_; }

  /// Whether this is an object in which `key` is there and not null.
  bool has(std::string_view key) const;
  JsonNode at(std::string_view key) const;  ///< complains if absent
  std::vector<JsonNode> items() const;      ///< of an array; complains otherwise

  std::string string() const;
  bool boolean() const;
  int64_t integer(int64_t low, int64_t high) const;
  char32_t character() const;  ///< a string of exactly one character

  std::string string_or(std::string_view key, std::string_view otherwise) const;
  bool boolean_or(std::string_view key, bool otherwise) const;
  int64_t integer_or(std::string_view key, int64_t low, int64_t high, int64_t otherwise) const;

  /// Throws Error (model): "FILE: KEY: message".
  [[noreturn]] void fail(const std::string &message) const;

 private:
  JsonNode(const nlohmann::json &value, std::shared_ptr<const std::string> file, std::string key, int depth);

  const nlohmann::json *value_;
  std::shared_ptr<const std::string> file_;
  std::string key_;
  int depth_;
};

/// Parses a file. Unreadable or not JSON: Error (model) that names the file and the byte.
nlohmann::json read_json_file(const std::filesystem::path &file);
nlohmann::json parse_json(std::string_view text, const std::string &file);

}  // namespace kvern::tokenizer
