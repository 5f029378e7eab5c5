// A byte trie in one hash table: finds all strings of a set that begin at a place of a text.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kvern::tokenizer {

/// The limit of bytes that searches for the tokens in one text may look at: with a token as long as the text they are
/// quadratic.
class TrieSteps {
 public:
  explicit TrieSteps(size_t bytes) : left_(kLeast + kPerByte * bytes) {}
  /// Throws Error (input) when the steps are used up.
  void take(size_t steps);

 private:
  static constexpr size_t kLeast = 50'000'000, kPerByte = 100;
  size_t left_;
};

class Trie {
 public:
  Trie();
  /// Adds a string; if it is in already, the first value stays. The empty string is ignored.
  void insert(std::string_view key, uint32_t value);

  struct Hit {
    size_t length;
    uint32_t value;
  };
  /// The longest string of the set with which `text` begins. Adds the bytes that it looked at to `walked`.
  std::optional<Hit> longest_prefix(std::string_view text, size_t &walked) const;
  /// Calls visit(length, value) for every string of the set with which `text` begins, shortest first. Returns how many
  /// bytes it looked at.
  template <class Visit>
  size_t each_prefix(std::string_view text, const Visit &visit) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      node = child(node, static_cast<unsigned char>(text[i]));
      if (node == kNone) return i;
      if (values_[node] != kNone) visit(i + 1, values_[node]);
    }
    return text.size();
  }

 private:
  static constexpr uint32_t kNone = 0xFFFFFFFF;
  struct Slot {
    uint64_t key;  // parent * 256 + byte
    uint32_t node;
  };
  uint32_t child(uint32_t node, unsigned char byte) const;
  size_t slot_of(uint64_t key) const;
  void grow();

  std::vector<Slot> slots_;
  std::vector<uint32_t> values_;  // by node; node 0 is the root
};

}  // namespace kvern::tokenizer
