// The merging of byte pair encoding: which neighbours join, and in which order. Nothing of texts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/tokenizer/models/flat_index.hpp"

namespace kvern::tokenizer {

class BpeMerges {
 public:
  void reserve(size_t count) { rules_.reserve(count), index_.reserve(count); }
  /// The pair (left, right) becomes `merged`; lower ranks go first. A pair that is in already gets the new
  /// rank.
  void add(int64_t left, int64_t right, int64_t merged);

  /// Joins neighbours of `symbols`, lowest rank first and leftmost among equals, until none can be joined.
  /// O(n log n) by a heap of candidates over a linked list.
  void apply(std::vector<int64_t> &symbols) const;
  /// The same by looking over all neighbours for every merge: O(n^2), and fastest for a word.
  void apply_plain(std::vector<int64_t> &symbols) const;

 private:
  struct Rule {
    uint64_t key;  // left << 32 | right
    uint32_t rank;
    uint32_t merged;
  };
  uint32_t number_of(uint64_t key) const;
  const Rule *find(int64_t left, int64_t right) const;

  std::vector<Rule> rules_;
  FlatIndex index_;
  uint32_t next_rank_ = 0;
};

}  // namespace kvern::tokenizer
