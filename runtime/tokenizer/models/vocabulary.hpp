// Tokens and their ids, both ways.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/tokenizer/load/json_node.hpp"

namespace kvern::tokenizer {

inline constexpr int64_t kMaxId = UINT32_MAX - 1;

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

class Vocabulary {
 public:
  Vocabulary() = default;
  /// From an object {token: id}.
  explicit Vocabulary(const JsonNode &node);
  Vocabulary(const Vocabulary &) = delete;
  Vocabulary &operator=(const Vocabulary &) = delete;

  void add(const std::string &token, int64_t id);
  std::optional<int64_t> id_of(std::string_view token) const;
  const std::string *token_of(int64_t id) const;
  size_t size() const { return ids_.size(); }

 private:
  StringMap<int64_t> ids_;
  std::unordered_map<int64_t, const std::string *> tokens_;  // into the keys of ids_
};

}  // namespace kvern::tokenizer
