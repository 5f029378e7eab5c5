// The quantized cache with several threads; a program of its own, for the thread sanitizer.
#include <kvern/abi/parallel.h>

#include "core/support/thread_pool.hpp"
#include "plugins/quantized/testing/driver.hpp"

using namespace kvern::quantized_testing;

TEST_CASE("several threads pack, unpack and attend as one does") {
  static kvern::ThreadPool pool(3);
  static const kvern_parallel_1 threads{
      sizeof(kvern_parallel_1), 0, nullptr, [](void *) { return int32_t{3}; },
      [](void *, int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *arg) {
        if (n > 0) pool.run(n, grain, body, arg);
      }};
  Options options;
  options.integer("nbits", 2).integer("residual_length", 16).integer("axis_key", 1);
  TestHost one, many;
  many.offer(KVERN_PARALLEL_1, &threads);
  const Shape shape{1, 2, 4, 2, 32, false};
  Driver alone(shape, options, one), together(shape, options, many);
  for (int64_t n : {700, 1, 100, 1}) {
    alone.step(n);
    together.step(n);
    Driver::StepOutput a = alone.answer(2), b = together.answer(2);
    CHECK(a.all.k == b.all.k);
    CHECK(a.all.v == b.all.v);
    double worst = 0;
    for (std::size_t i = 0; i < a.out.data.size(); ++i) {
      worst = std::max(worst, static_cast<double>(std::abs(a.out.data[i] - b.out.data[i])));
    }
    CHECK(worst < 0.02);  // integers are rounded in other groups where the keys are split
  }
}
