#include "runtime/constraint/byte_machine.hpp"

#include <algorithm>
#include <bitset>
#include <kvern/error.hpp>
#include <utility>

namespace kvern::constraint {
namespace {

constexpr size_t kMaxStacks = 100'000;  // of one state

}  // namespace

ByteMachine::ByteMachine(Grammar grammar, Grammar::RuleId start) : grammar_(std::move(grammar)) {
  make_classes();
  start_ = configuration({number_of({grammar_.start_of(start), 0, kBottom})});
}

/// Bytes that no edge tells apart have one class.
void ByteMachine::make_classes() {
  std::bitset<257> begins;
  for (uint32_t s = 0; s < grammar_.size(); ++s)
    for (const auto &edge : grammar_.state(s).edges)
      begins.set(edge.bytes.first), begins.set(size_t{edge.bytes.last} + 1);
  for (size_t byte = 0; byte < 256; ++byte) {
    if (byte > 0 && begins[byte]) ++n_classes_;
    classes_[byte] = static_cast<uint8_t>(n_classes_);
  }
  ++n_classes_;
}

size_t ByteMachine::NodeHash::operator()(const Node &n) const {
  uint64_t h = n.state * 0x9E3779B97F4A7C15ull;
  h = (h ^ (h >> 29) ^ n.count) * 0xBF58476D1CE4E5B9ull;
  h = (h ^ (h >> 32) ^ static_cast<uint32_t>(n.below)) * 0x94D049BB133111EBull;
  return h ^ (h >> 31);
}

int32_t ByteMachine::number_of(const Node &node) {
  const auto [found, is_new] = node_numbers_.emplace(node, static_cast<int32_t>(nodes_.size()));
  if (is_new) nodes_.push_back(node), visited_.push_back(0);
  return found->second;
}

void ByteMachine::visit(int32_t node, std::vector<int32_t> &open) {
  uint32_t &visited = visited_[static_cast<size_t>(node)];
  if (visited == visit_) return;
  visited = visit_;
  open.push_back(node);
}

/// What is reached from a node without a byte.
void ByteMachine::follow(int32_t number, std::vector<int32_t> &open, bool &complete) {
  const Node node = nodes_[static_cast<size_t>(number)];
  const Grammar::State &state = grammar_.state(node.state);
  for (const auto to : state.empty) visit(number_of({to, 0, node.below}), open);
  for (const auto &call : state.calls) {
    const int32_t behind = number_of({call.to, 0, node.below});
    visit(number_of({grammar_.start_of(call.rule), 0, behind}), open);
  }
  if (const auto &r = state.repeat) {
    if (node.count >= r->least) visit(number_of({r->to, 0, node.below}), open);
    if (!r->most || node.count < *r->most) {
      const uint32_t count = r->most ? node.count + 1 : std::min(node.count + 1, r->least);
      const int32_t again = number_of({node.state, count, node.below});
      visit(number_of({grammar_.start_of(r->rule), 0, again}), open);
    }
  }
  if (!state.returns) return;
  if (node.below == kBottom)
    complete = true;
  else
    visit(node.below, open);
}

ByteMachine::State ByteMachine::configuration(std::vector<int32_t> begin) {
  ++visit_;
  std::vector<int32_t> open, with_edges;
  for (const int32_t node : begin) visit(node, open);
  bool complete = false;
  for (size_t i = 0; i < open.size(); ++i) {
    if (open.size() > kMaxStacks)
      throw Error(ErrorKind::config, "response_format: a text may be read in more than " +
                                         std::to_string(kMaxStacks) +
                                         " ways; use a schema with fewer alternatives");
    follow(open[i], open, complete);
    if (!grammar_.state(nodes_[static_cast<size_t>(open[i])].state).edges.empty())
      with_edges.push_back(open[i]);
  }
  if (with_edges.empty() && !complete) return kDead;
  std::sort(with_edges.begin(), with_edges.end());
  const auto [found, is_new] = configuration_numbers_.emplace(std::pair(std::move(with_edges), complete),
                                                              static_cast<State>(configurations_.size()));
  if (is_new)
    configurations_.push_back({found->first.first, complete, std::vector<State>(n_classes_, kUnknown)});
  return found->second;
}

ByteMachine::State ByteMachine::compute_next(State from, uint8_t byte) {
  std::vector<int32_t> begin;
  for (const int32_t number : configurations_[static_cast<size_t>(from)].nodes) {
    const Node node = nodes_[static_cast<size_t>(number)];
    for (const auto &edge : grammar_.state(node.state).edges)
      if (byte >= edge.bytes.first && byte <= edge.bytes.last)
        begin.push_back(number_of({edge.to, 0, node.below}));
  }
  const State to = begin.empty() ? kDead : configuration(std::move(begin));
  configurations_[static_cast<size_t>(from)].next[classes_[byte]] = to;
  return to;
}

}  // namespace kvern::constraint
