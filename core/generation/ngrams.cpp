#include "core/generation/ngrams.hpp"

namespace kvern {

std::span<const int64_t> ids_of_row(const at::Tensor &ids, int64_t row) {
  const auto length = static_cast<size_t>(ids.size(1));
  return {ids.const_data_ptr<int64_t>() + static_cast<size_t>(row) * length, length};
}

void penalize(std::span<float> scores, const std::vector<int64_t> &ids, float penalty) {
  for (const int64_t id : ids) {
    if (static_cast<size_t>(id) >= scores.size()) continue;
    float &score = scores[static_cast<size_t>(id)];
    score = score < 0 ? score * penalty : score / penalty;
  }
}

void DifferentIds::add(int64_t id) {
  ++length_;
  if (id < 0 || id >= kLimit) return;
  const auto word = static_cast<size_t>(id) / 64;
  const uint64_t bit = uint64_t{1} << (static_cast<size_t>(id) % 64);
  if (seen_.size() <= word) seen_.resize(word + 1, 0);
  if ((seen_[word] & bit) == 0) ids_.push_back(id), first_.push_back(length_ - 1);
  seen_[word] |= bit;
}

void DifferentIds::truncate(size_t length) {
  for (; !first_.empty() && first_.back() >= length; first_.pop_back(), ids_.pop_back())
    seen_[static_cast<size_t>(ids_.back()) / 64] &= ~(uint64_t{1} << (static_cast<size_t>(ids_.back()) % 64));
  length_ = std::min(length_, length);
}

uint64_t NgramIndex::hash(std::span<const int64_t> ids) {
  uint64_t h = 0x9E3779B97F4A7C15ull;
  for (const int64_t id : ids) {
    h = (h ^ static_cast<uint64_t>(id)) * 0xBF58476D1CE4E5B9ull;
    h ^= h >> 29;
  }
  return h;
}

size_t NgramIndex::slot_of(uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  while (slots_[slot].begin != kFree && slots_[slot].hash != hash) slot = (slot + 1) & mask;
  return slot;
}

void NgramIndex::grow() {
  const auto old = std::move(slots_);
  slots_.assign(std::max<size_t>(16, 2 * old.size()), {0, kFree});
  for (const Slot &slot : old)
    if (slot.begin != kFree) slots_[slot_of(slot.hash)] = slot;
}

void NgramIndex::add(int64_t id) {
  ids_.push_back(id);
  if (ids_.size() <= before_) return;
  if (2 * (used_ + 1) > slots_.size()) grow();
  const size_t begin = ids_.size() - 1 - before_;
  const uint64_t h = hash({ids_.data() + begin, before_});
  Slot &slot = slots_[slot_of(h)];
  used_ += slot.begin == kFree;
  previous_.push_back(slot.begin == kFree ? kNone : slot.begin);
  slot = {h, static_cast<int64_t>(begin)};
}

void NgramIndex::truncate(size_t length) {
  for (; ids_.size() > length; ids_.pop_back()) {
    if (ids_.size() <= before_) continue;
    const size_t begin = ids_.size() - 1 - before_;
    slots_[slot_of(hash({ids_.data() + begin, before_}))].begin = previous_.back();
    previous_.pop_back();
  }
}

}  // namespace kvern
