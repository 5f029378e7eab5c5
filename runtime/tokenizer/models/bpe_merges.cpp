// The fast merge and its reference implementation; short words take the latter, which needs no heap.
#include "runtime/tokenizer/models/bpe_merges.hpp"

#include <algorithm>
#include <queue>

namespace kvern::tokenizer {
namespace {

uint64_t key_of(int64_t left, int64_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint64_t>(right);
}

struct Symbol {
  int64_t id;
  int previous, next;  // -1: none
  bool alive;
};

struct Candidate {
  uint32_t rank;
  int position;
  uint32_t merged;
  // the queue gives the greatest first: lowest rank, then leftmost
  bool operator<(const Candidate &other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

std::vector<Symbol> link(const std::vector<int64_t> &ids) {
  std::vector<Symbol> list(ids.size());
  const int count = static_cast<int>(ids.size());
  for (int i = 0; i < count; ++i) list[i] = {ids[i], i - 1, i + 1 < count ? i + 1 : -1, true};
  return list;
}

// Joins the symbol at `left` with the next one.
void join(std::vector<Symbol> &list, int left, int64_t merged) {
  Symbol &right = list[list[left].next];
  right.alive = false;
  list[left].id = merged;
  list[left].next = right.next;
  if (right.next >= 0) list[right.next].previous = left;
}

}  // namespace

uint32_t BpeMerges::number_of(uint64_t key) const {
  return index_.find(key, [&](uint32_t number) { return rules_[number].key == key; });
}

void BpeMerges::add(int64_t left, int64_t right, int64_t merged) {
  const uint64_t key = key_of(left, right);
  const Rule rule{key, next_rank_++, static_cast<uint32_t>(merged)};
  const uint32_t number = number_of(key);
  if (number != FlatIndex::kNone) {
    rules_[number] = rule;
    return;
  }
  index_.insert(key, static_cast<uint32_t>(rules_.size()));
  rules_.push_back(rule);
}

const BpeMerges::Rule *BpeMerges::find(int64_t left, int64_t right) const {
  const uint32_t number = number_of(key_of(left, right));
  return number == FlatIndex::kNone ? nullptr : &rules_[number];
}

void BpeMerges::apply_plain(std::vector<int64_t> &symbols) const {
  while (symbols.size() > 1) {
    const Rule *best = nullptr;
    size_t place = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Rule *rule = find(symbols[i], symbols[i + 1]);
      if (!rule || (best && rule->rank >= best->rank)) continue;
      best = rule;
      place = i;
    }
    if (!best) return;
    symbols[place] = best->merged;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

void BpeMerges::apply(std::vector<int64_t> &symbols) const {
  std::vector<Symbol> list = link(symbols);
  std::priority_queue<Candidate> queue;
  const auto offer = [&](int left) {
    if (left < 0 || list[left].next < 0) return;
    if (const Rule *rule = find(list[left].id, list[list[left].next].id))
      queue.push({rule->rank, left, rule->merged});
  };
  for (int i = 0; i < static_cast<int>(list.size()); ++i) offer(i);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    if (!list[top.position].alive || list[top.position].next < 0) continue;
    const Rule *rule = find(list[top.position].id, list[list[top.position].next].id);
    if (!rule || rule->merged != top.merged) continue;  // a neighbour has changed since
    join(list, top.position, top.merged);
    offer(list[top.position].previous);
    offer(top.position);
  }
  symbols.clear();
  for (const Symbol &symbol : list)
    if (symbol.alive) symbols.push_back(symbol.id);
}

}  // namespace kvern::tokenizer
