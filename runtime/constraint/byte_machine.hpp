// Follows a grammar byte by byte. A state is the set of all stacks that the bytes so far may have led to; states are made when they
// are first met and have numbers, so that what was computed for one is found again.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "runtime/constraint/grammar.hpp"

namespace kvern::constraint {

class ByteMachine {
 public:
  using State = int32_t;
  static constexpr State kDead = -1;

  /// The grammar is pruned.
  ByteMachine(Grammar grammar, Grammar::RuleId start);
  State start() const { return start_; }
  State next(State state, uint8_t byte) {
    const State known = configurations_[static_cast<size_t>(state)].next[classes_[byte]];
    return known != kUnknown ? known : compute_next(state, byte);
  }
  /// The text may end here.
  bool complete(State state) const { return configurations_[static_cast<size_t>(state)].complete; }
  /// A byte may follow.
  bool goes_on(State state) const { return !configurations_[static_cast<size_t>(state)].nodes.empty(); }

 private:
  static constexpr State kUnknown = -2;
  static constexpr int32_t kBottom = -1;
  /// The top of a stack: a state of the grammar, how often a repetition there was done, and the node below.
  struct Node {
    uint32_t state, count;
    int32_t below;
    bool operator==(const Node &) const = default;
  };
  struct NodeHash {
    size_t operator()(const Node &n) const;
  };
  struct Configuration {
    std::vector<int32_t> nodes;  ///< those with edges, ascending
    bool complete = false;
    std::vector<State> next;  ///< by class of bytes
  };

  void make_classes();
  int32_t number_of(const Node &node);
  void visit(int32_t node, std::vector<int32_t> &open);
  void follow(int32_t node, std::vector<int32_t> &open, bool &complete);
  State configuration(std::vector<int32_t> open);
  State compute_next(State state, uint8_t byte);

  Grammar grammar_;
  std::array<uint8_t, 256> classes_{};
  size_t n_classes_ = 0;
  std::vector<Node> nodes_;
  std::unordered_map<Node, int32_t, NodeHash> node_numbers_;
  std::vector<uint32_t> visited_;  // by node: the visit that met it last
  uint32_t visit_ = 0;
  std::vector<Configuration> configurations_;
  std::map<std::pair<std::vector<int32_t>, bool>, State> configuration_numbers_;
  State start_ = kDead;
};

}  // namespace kvern::constraint
