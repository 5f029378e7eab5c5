// The rotary embedding of one step: angles of its positions, computed once per Rope and shared by the layers.
#pragma once
#include <deque>
#include <kvern/heads_view.hpp>
#include <kvern/rope.hpp>
#include <vector>

#include "devices/queue.hpp"

namespace kvern {

/// What the angles of scaled ropes depend on.
struct SequenceLength {
  int64_t positions = 0;  ///< last position + 1: dynamic NTK
  int64_t columns = 0;    ///< with padding: longrope, as transformers
};

class Rotary {
 public:
  /// positions [rows, n_new], borrowed.
  Rotary(Queue &queue, const std::vector<int64_t> &positions, int64_t n_new, SequenceLength length)
      : queue_(queue), positions_(positions), n_new_(n_new), length_(length) {}

  struct Tables {
    const Rope *rope = nullptr;
    DeviceMemory cos, sin;  ///< float32 [rows, n_new, rotary_dim / 2]
  };
  /// For the step's positions, or own_positions [rows, n_new] unless that is nullptr: those live until the next call.
  const Tables &tables(const Rope &rope, const int64_t *own_positions);

  /// Rotates x in place, whose tokens are each row's last x.tokens.
  void apply(const Tables &tables, const HeadsView &x);

 private:
  void fill(const Rope &rope, const int64_t *positions, Tables &tables);

  Queue &queue_;
  const std::vector<int64_t> &positions_;
  int64_t n_new_;
  SequenceLength length_;
  std::deque<Tables> tables_;  // of the step's positions, one per Rope
  Tables own_;                 // of a layer that counts in its own way
  std::vector<float> cos_, sin_;
};

}  // namespace kvern
