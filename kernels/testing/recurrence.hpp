// Tools of the tests of recurrences: random rows with padding and filler, and the comparison with a reference implementation.
#pragma once
#include <algorithm>
#include <cmath>

#include "kernels/recurrence.hpp"
#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

namespace kvern::kernels::testing {

/// A recurrence whose states have `size` elements, with its memory.
class RandomRows {
 public:
  RandomRows(Random &random, int64_t size) {
    tokens.rows = random.integer(1, 3);
    tokens.n_new = random.pick<int64_t>({1, 1, 2, 5, 19});
    tokens.by_token = random.chance(0.3);
    for (int64_t row = 0; row < tokens.rows; ++row) {
      const int64_t begin = random.chance(0.3) ? random.integer(0, tokens.n_new) : 0;
      begin_.push_back(begin);
      end_.push_back(random.chance(0.3) ? random.integer(begin, tokens.n_new) : tokens.n_new);
    }
    state_ = random.elements(Dtype::f32, tokens.rows * size);
    new_state = Buffer(Dtype::f32, tokens.rows * (tokens.by_token ? tokens.n_new : 1) * size);
    for (int64_t i = 0; i < new_state.size(); ++i) new_state.set(i, NAN);
    tokens.begin = begin_.data();
    tokens.end = end_.data();
    tokens.state = state_.floats();
    tokens.new_state = new_state.floats();
  }
  RandomRows(const RandomRows &) = delete;

  int64_t count() const { return tokens.rows * tokens.n_new; }

  Recurrence tokens;
  Buffer new_state;

 private:
  std::vector<int64_t> begin_, end_;
  Buffer state_;
};

inline void require_close(const Buffer &got, const Buffer &expected, const char *what,
                          float tolerance = 3e-5f) {
  for (int64_t i = 0; i < got.size(); ++i) {
    if (std::abs(got.at(i) - expected.at(i)) <= tolerance * (1.0f + std::abs(expected.at(i)))) continue;
    FAIL(what << " at " << cpu_capability().name << ": " << got.at(i) << " instead of " << expected.at(i)
              << " at " << i << " of " << got.size());
  }
}

/// Runs a call of [count, width] outputs by both implementations and compares outputs and states.
template <class Call>
void compare(Call call, RandomRows &rows, int64_t width, void (*run)(const Call &, const Parallel &),
             void (*reference)(const Call &), float tolerance = 3e-5f) {
  Buffer out(Dtype::f32, rows.count() * width), expected = out, expected_state = rows.new_state;
  call.tokens = rows.tokens;
  call.out_stride = width;
  call.out = expected.floats();
  call.tokens.new_state = expected_state.floats();
  reference(call);
  call.out = out.floats();
  call.tokens.new_state = rows.new_state.floats();
  run(call, test_threads());
  require_close(out, expected, "output", tolerance);
  require_close(rows.new_state, expected_state, "state", tolerance);
}

/// Feeds `n` tokens in one call and in two, the second with the state of the first, and requires equal outputs and states.
/// run(first token, tokens, state, new state, out) computes a part of one row.
template <class Run>
void require_chunks_equal_whole(int64_t n, int64_t width, int64_t size, Run run) {
  Buffer whole(Dtype::f32, n * width), parts = whole;
  Buffer state(Dtype::f32, size), middle = state, end_of_whole = state, end_of_parts = state;
  run(0, n, state.floats(), end_of_whole.floats(), whole.floats());
  const int64_t first = n / 3;
  run(0, first, state.floats(), middle.floats(), parts.floats());
  run(first, n - first, middle.floats(), end_of_parts.floats(), parts.floats() + first * width);
  CHECK(whole.bytes == parts.bytes);
  CHECK(end_of_whole.bytes == end_of_parts.bytes);
}

template <class F>
void many_times(F &&f) {
  for_each_capability([&f](const CpuCapability &) {
    Random random(9);
    for (int i = 0; i < 60; ++i) f(random);
  });
  SUCCEED();
}

}  // namespace kvern::kernels::testing
