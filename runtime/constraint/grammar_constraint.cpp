// The trie of the vocabulary is walked together with the grammar's machine; the tokens that are reached may follow. Masks are kept
// for the states that come again and again.
#include "runtime/constraint/grammar_constraint.hpp"

#include <deque>
#include <unordered_map>
#include <utility>

#include "runtime/constraint/byte_machine.hpp"

namespace kvern::constraint {
namespace {

constexpr size_t kMaxMasks = 512;

class GrammarConstraint : public TokenConstraint {
 public:
  GrammarConstraint(Grammar grammar, Grammar::RuleId rule, std::shared_ptr<const TokenTrie> trie,
                    std::shared_ptr<const TokenBytes> bytes)
      : machine_(std::move(grammar), rule),
        trie_(std::move(trie)),
        bytes_(std::move(bytes)),
        states_(trie_->depth + 1) {}

  int64_t start() override { return machine_.start(); }

  int64_t next(int64_t state, int64_t token) override {
    if (state < 0 || token < 0 || static_cast<size_t>(token) >= bytes_->size()) return kDead;
    const auto &bytes = (*bytes_)[static_cast<size_t>(token)];
    if (!bytes || bytes->empty()) return kDead;
    auto at = static_cast<ByteMachine::State>(state);
    for (const char byte : *bytes)
      if (at != ByteMachine::kDead) at = machine_.next(at, static_cast<uint8_t>(byte));
    return at;
  }

  bool complete(int64_t state) override { return machine_.complete(static_cast<ByteMachine::State>(state)); }

  std::span<const uint64_t> allowed(int64_t state) override {
    if (const auto found = masks_.find(state); found != masks_.end()) return found->second;
    masks_.emplace(state, compute(static_cast<ByteMachine::State>(state)));
    order_.push_back(state);
    if (order_.size() > kMaxMasks) {
      masks_.erase(order_.front());
      order_.pop_front();
    }
    return masks_.at(state);
  }

 private:
  std::vector<uint64_t> compute(ByteMachine::State state) {
    std::vector<uint64_t> mask((bytes_->size() + 63) / 64, 0);
    if (!machine_.goes_on(state)) return mask;
    states_[0] = state;
    const auto &nodes = trie_->nodes;
    for (size_t i = 0; i < nodes.size();) {
      const TokenTrie::Node &node = nodes[i];
      const auto to = machine_.next(states_[node.depth - 1], node.byte);
      if (to == ByteMachine::kDead) {
        i = node.behind;
        continue;
      }
      states_[node.depth] = to;
      for (uint32_t t = node.tokens; t < node.tokens + node.n_tokens; ++t) {
        const auto id = static_cast<size_t>(trie_->tokens[t]);
        mask[id / 64] |= uint64_t{1} << (id % 64);
      }
      ++i;
    }
    return mask;
  }

  ByteMachine machine_;
  std::shared_ptr<const TokenTrie> trie_;
  std::shared_ptr<const TokenBytes> bytes_;
  std::vector<ByteMachine::State> states_;  // of the walk, by depth
  std::unordered_map<int64_t, std::vector<uint64_t>> masks_;
  std::deque<int64_t> order_;  // of masks_, the oldest first
};

}  // namespace

std::unique_ptr<TokenConstraint> make_token_constraint(Grammar grammar, Grammar::RuleId rule,
                                                       std::shared_ptr<const TokenTrie> trie,
                                                       std::shared_ptr<const TokenBytes> bytes) {
  return std::make_unique<GrammarConstraint>(std::move(grammar), rule, std::move(trie), std::move(bytes));
}

}  // namespace kvern::constraint
