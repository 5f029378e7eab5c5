// Tokens and their ids, both ways.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/tokenizer/load/json_node.hpp"
#include "runtime/tokenizer/models/flat_index.hpp"

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
  /// NULL: there is none. Valid until a token is added.
  const std::string *token_of(int64_t id) const;
  size_t size() const { return tokens_.size(); }

 private:
  struct Token {
    std::string text;
    int64_t id;
  };
  struct Id {
    int64_t id;
    uint32_t token;  // its number
  };
  uint32_t number_of(std::string_view token) const;
  uint32_t place_of(int64_t id) const;

  std::vector<Token> tokens_;
  std::vector<Id> ids_;
  FlatIndex by_text_, by_id_;
};

}  // namespace kvern::tokenizer
