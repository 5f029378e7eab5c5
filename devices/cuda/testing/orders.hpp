// Tools of the tests of kernels: three orders of threads and blocks, and comparison with a reference implementation.
#pragma once
#include <cmath>
#include <vector>

#include "devices/cuda/kernels.hpp"
#include "devices/emulation/emulation.hpp"
#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

namespace kvern::device::testing {

using kernels::Dtype;
using kernels::testing::Buffer;
using kernels::testing::Random;

/// Threads and blocks as they are numbered, and in two orders drawn at random.
template <class F>
void in_every_order(F &&f) {
  for (const uint64_t seed : {0, 1, 2}) {
    emulation::order_seed() = seed;
    f();
  }
  emulation::order_seed() = 0;
}

/// f(random) so many times, with shapes of its own each time.
template <class F>
void many_shapes(int times, F &&f) {
  Random random(17);
  for (int i = 0; i < times; ++i) f(random);
}

inline void fill(Buffer &buffer, float x) {
  for (int64_t i = 0; i < buffer.size(); ++i) buffer.set(i, x);
}

/// Elements that neither implementation writes are not a number in both.
inline void require_close(const Buffer &got, const Buffer &expected, float tolerance, const char *what) {
  for (int64_t i = 0; i < got.size(); ++i) {
    const float a = got.at(i), b = expected.at(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (std::abs(a - b) <= tolerance * (1.0f + std::abs(b))) continue;
    FAIL(what << ": " << a << " instead of " << b << " at " << i << " of " << got.size() << ", order "
              << emulation::order_seed());
  }
}

/// Runs `kernel` and `reference` on copies of `out`, and compares what they made of it.
template <class Kernel, class Reference>
void require_equal_results(const Buffer &out, float tolerance, const char *what, Reference &&reference,
                           Kernel &&kernel) {
  Buffer expected = out;
  reference(expected);
  in_every_order([&] {
    Buffer got = out;
    kernel(got);
    require_close(got, expected, tolerance, what);
  });
  SUCCEED();
}

inline Dtype any_type(Random &random) { return random.pick({Dtype::f32, Dtype::bf16, Dtype::f16}); }

}  // namespace kvern::device::testing
