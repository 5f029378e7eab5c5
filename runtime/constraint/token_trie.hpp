// The tokens of a vocabulary by their bytes, as a trie in the order of a walk through it: a part that nothing may follow is stepped
// over at once.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvern::constraint {

/// By id; none: the token is no text, or there is no such id.
using TokenBytes = std::vector<std::optional<std::string>>;

struct TokenTrie {
  struct Node {
    uint8_t byte;
    uint32_t depth;             ///< 1: the first byte
    uint32_t behind;            ///< the first node that does not continue this one
    uint32_t tokens, n_tokens;  ///< that end here
  };
  std::vector<Node> nodes;
  std::vector<int64_t> tokens;
  uint32_t depth = 0;  ///< the largest

  explicit TokenTrie(const TokenBytes &bytes);
};

}  // namespace kvern::constraint
