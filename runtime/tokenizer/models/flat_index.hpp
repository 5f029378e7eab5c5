// Numbers of entries by hash, where the entries are kept elsewhere: open addressing with linear probing, at most half full. A large
// vocabulary fills it in a fraction of the time that a node for each entry takes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvern::tokenizer {

class FlatIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  void reserve(size_t count) {
    if (2 * count > slots_.size()) rehash(count);
  }
  /// The entry of this hash for which is_it(number) is true, or kNone.
  template <class IsIt>
  uint32_t find(uint64_t hash, const IsIt &is_it) const {
    if (slots_.empty()) return kNone;
    const uint32_t tag = tag_of(hash);
    for (size_t at = tag & mask();; at = (at + 1) & mask()) {
      const Slot &slot = slots_[at];
      if (slot.number == kNone || (slot.tag == tag && is_it(slot.number))) return slot.number;
    }
  }
  /// An entry that find() does not find.
  void insert(uint64_t hash, uint32_t number) {
    if (2 * (size_ + 1) > slots_.size()) rehash(2 * size_ + 8);
    place({tag_of(hash), number});
    ++size_;
  }

 private:
  struct Slot {
    uint32_t tag = 0, number = kNone;
  };

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>((hash * 0x9e3779b97f4a7c15u) >> 32); }
  size_t mask() const { return slots_.size() - 1; }
  void place(const Slot &slot) {
    size_t at = slot.tag & mask();
    while (slots_[at].number != kNone) at = (at + 1) & mask();
    slots_[at] = slot;
  }
  void rehash(size_t count) {
    size_t size = 16;
    while (size < 2 * count) size *= 2;
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot &slot : old)
      if (slot.number != kNone) place(slot);
  }

  std::vector<Slot> slots_;  // a power of two, or none
  size_t size_ = 0;
};

}  // namespace kvern::tokenizer
