// Open addressing with linear probing, at most half full.
#include "runtime/tokenizer/text/trie.hpp"

#include <kvern/error.hpp>
#include <utility>

namespace kvern::tokenizer {

void TrieSteps::take(size_t steps) {
  if (steps > left_)
    throw Error(ErrorKind::input,
                "the text takes too many steps to be cut into tokens: the tokenizer has very long tokens");
  left_ -= steps;
}

Trie::Trie() : slots_(64, Slot{0, kNone}), values_{kNone} {}

size_t Trie::slot_of(uint64_t key) const {
  const size_t mask = slots_.size() - 1;
  size_t i = static_cast<size_t>((key * 0x9E3779B97F4A7C15ull) >> 20) & mask;
  while (slots_[i].node != kNone && slots_[i].key != key) i = (i + 1) & mask;
  return i;
}

uint32_t Trie::child(uint32_t node, unsigned char byte) const {
  return slots_[slot_of(uint64_t{node} << 8 | byte)].node;
}

void Trie::grow() {
  std::vector<Slot> old(slots_.size() * 2, Slot{0, kNone});
  std::swap(old, slots_);
  for (const Slot &slot : old)
    if (slot.node != kNone) slots_[slot_of(slot.key)] = slot;
}

void Trie::insert(std::string_view key, uint32_t value) {
  if (key.empty()) return;
  uint32_t node = 0;
  for (const char c : key) {
    if (values_.size() * 2 >= slots_.size()) grow();
    Slot &slot = slots_[slot_of(uint64_t{node} << 8 | static_cast<unsigned char>(c))];
    if (slot.node == kNone) {
      slot = {uint64_t{node} << 8 | static_cast<unsigned char>(c), static_cast<uint32_t>(values_.size())};
      values_.push_back(kNone);
    }
    node = slot.node;
  }
  if (values_[node] == kNone) values_[node] = value;
}

std::optional<Trie::Hit> Trie::longest_prefix(std::string_view text, size_t &walked) const {
  std::optional<Hit> best;
  walked += each_prefix(text, [&](size_t length, uint32_t value) { best = Hit{length, value}; });
  return best;
}

}  // namespace kvern::tokenizer
