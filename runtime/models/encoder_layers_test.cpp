// Sublayers of encoder-decoder models against plain loops.
#include <cmath>

#include "devices/cpu/cpu_queue.hpp"
#include "runtime/models/layers/conv1d.hpp"
#include "runtime/models/layers/relative_bias.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::models;

namespace {

Weight weight_of(std::vector<float> &data, std::vector<int64_t> shape) {
  Weight weight;
  weight.data = data.data();
  weight.shape = std::move(shape);
  return weight;
}

std::vector<float> numbers(int64_t n, float step) {
  std::vector<float> x;
  for (int64_t i = 0; i < n; ++i) x.push_back(std::sin(step * static_cast<float>(i + 1)));
  return x;
}

}  // namespace

TEST_CASE("A convolution along time is the sum over the frames under its kernel") {
  const int64_t in = 3, out = 4, frames = 7;
  for (const int64_t stride : {1, 2}) {
    auto w = numbers(out * in * 3, 0.7f), b = numbers(out, 0.3f), x = numbers((frames + 2) * in, 1.1f);
    for (int64_t c = 0; c < in; ++c)
      x[static_cast<size_t>(c)] = x[static_cast<size_t>((frames + 1) * in + c)] = 0.0f;
    const Conv1d conv(weight_of(w, {out, in, 3}), weight_of(b, {out}), stride, cpu_queue());
    REQUIRE(conv.frames(frames) == (stride == 1 ? 7 : 4));
    std::vector<float> y(static_cast<size_t>(conv.frames(frames) * out));
    conv({x.data(), frames + 2, in}, {y.data(), conv.frames(frames), out}, cpu_queue());
    for (int64_t t = 0; t < conv.frames(frames); ++t)
      for (int64_t o = 0; o < out; ++o) {
        double want = b[static_cast<size_t>(o)];
        for (int64_t k = 0; k < 3; ++k)
          for (int64_t i = 0; i < in; ++i)
            want += double{w[static_cast<size_t>((o * in + i) * 3 + k)]} *
                    x[static_cast<size_t>((t * stride + k) * in + i)];
        CHECK(std::abs(y[static_cast<size_t>(t * out + o)] - want) < 1e-5);
      }
  }
}

TEST_CASE("Distances fall into buckets of one each, then of growing width, at last into one") {
  const RelativeBiasConfig causal{32, 128, false}, both{32, 128, true};
  CHECK(relative_bucket(0, causal) == 0);
  CHECK(relative_bucket(5, causal) == 0);  // a later key
  CHECK(relative_bucket(-15, causal) == 15);
  CHECK(relative_bucket(-16, causal) == 16);
  CHECK(relative_bucket(-20, causal) == 17);
  CHECK(relative_bucket(-127, causal) == 31);
  CHECK(relative_bucket(-5000, causal) == 31);
  CHECK(relative_bucket(-7, both) == 7);
  CHECK(relative_bucket(7, both) == 23);
  CHECK(relative_bucket(5000, both) == 31);
}

TEST_CASE(
    "A bias is looked up by the positions in force, also beyond the last bucket and for rows of their own") {
  auto data = numbers(8 * 2, 0.9f);
  const RelativeBiasConfig config{8, 20, false};
  const RelativeBias bias(weight_of(data, {8, 2}), config);
  const std::vector<int64_t> q{50, 51, 3, 4}, first{0, -2};
  std::vector<float> memory;
  BiasPositions at;
  at.rows = 2;
  at.n_new = 2;
  at.kv_len = 40;
  at.q_pos = q.data();
  at.first_pos = first.data();
  const BiasView view = bias(at, memory);
  REQUIRE(view.shape[0] == 2);
  for (int64_t r = 0; r < 2; ++r)
    for (int64_t h = 0; h < 2; ++h)
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t j = 0; j < 40; ++j) {
          const int64_t distance = first[static_cast<size_t>(r)] + j - q[static_cast<size_t>(r * 2 + i)];
          const float got = view.data[r * view.strides[0] + h * view.strides[1] + i * view.strides[2] +
                                      j * view.strides[3]];
          CHECK(got == data[static_cast<size_t>(relative_bucket(distance, config) * 2 + h)]);
        }
}
