// What processors know of the ids of a row: the different ones, and the n-grams among them. Both grow by one id at a time, are flat
// so that a row of beams is copied at the speed of memory, and forget from the end.
#pragma once
#include <algorithm>
#include <cstdint>
#include <kvern/model.hpp>
#include <span>
#include <vector>

namespace kvern {

/// The ids of one row of a contiguous int64 [R, L].
std::span<const int64_t> ids_of_row(const at::Tensor &ids, int64_t row);

/// Scores of these ids, each named once: multiplied by the penalty where negative, else divided by it.
void penalize(std::span<float> scores, const std::vector<int64_t> &ids, float penalty);

/// Ids that no vocabulary has are left out: padding may be one.
class DifferentIds {
 public:
  static constexpr int64_t kLimit = int64_t{1} << 26;
  void add(int64_t id);
  void truncate(size_t length);
  /// In the order in which they occurred first.
  const std::vector<int64_t> &ids() const { return ids_; }

 private:
  size_t length_ = 0;
  std::vector<int64_t> ids_;
  std::vector<size_t> first_;   // where each of ids_ occurred first
  std::vector<uint64_t> seen_;  // bits by id
};

class NgramIndex {
 public:
  explicit NgramIndex(int64_t size = 1) : before_(static_cast<size_t>(size) - 1) {}
  void add(int64_t id);
  void truncate(size_t length);

  /// Calls found(id) for each id that would complete an n-gram that is known, behind `ids`.
  template <class Found>
  void completions(std::span<const int64_t> ids, const Found &found) const {
    if (ids.size() < before_ || slots_.empty()) return;
    const auto last = ids.subspan(ids.size() - before_);
    for (int64_t at = slots_[slot_of(hash(last))].begin; at >= 0; at = previous_[static_cast<size_t>(at)]) {
      const auto begin = ids_.begin() + at;
      if (std::equal(last.begin(), last.end(), begin)) found(begin[static_cast<ptrdiff_t>(before_)]);
    }
  }

 private:
  struct Slot {
    uint64_t hash = 0;
    int64_t begin = kNone;  ///< the last n-gram whose first ids have this hash
  };
  static constexpr int64_t kNone = -1, kFree = -2;
  static uint64_t hash(std::span<const int64_t> ids);
  size_t slot_of(uint64_t hash) const;
  void grow();

  size_t before_;  // ids of an n-gram before its last
  std::vector<int64_t> ids_;
  std::vector<int64_t> previous_;  // of the n-gram that begins here, the one before with the same hash
  std::vector<Slot> slots_;        // open addressing; a power of two
  size_t used_ = 0;
};

}  // namespace kvern
