#include "kernels/quant/attention.hpp"

#include <algorithm>
#include <stdexcept>

#include "kernels/quant/packed_case.hpp"
#include "kernels/simd/packed_kernels.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::quant;
using namespace kvern::kernels::quant::testing;
using kvern::kernels::testing::for_each_capability;
using kvern::kernels::testing::test_threads;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr ComputeDtype kComputeDtypes[] = {ComputeDtype::automatic, ComputeDtype::f32, ComputeDtype::bf16,
                                           ComputeDtype::f16};

TensorFormat random_format(Random &random, int64_t dim) {
  TensorFormat format;
  format.bits = random.pick({8, 4, 3, 2, 1});
  format.axis = random.pick({Axis::token, Axis::channel});
  format.group = random.pick<int64_t>({16, 32, 64, 128, 256});
  format.dim = dim;
  format.rotate = random.chance(0.3);
  return format;
}

/// Lengths around those of groups and blocks; columns that no run has between them; in any order.
void random_runs(Random &random, PackedCase &c) {
  AttentionCall &call = c.call.dense;
  const int64_t group = c.format.key.group;
  for (int64_t row = 0; row < call.rows; ++row) {
    std::vector<RunData> &runs = c.runs.emplace_back();
    int64_t column = random.chance(0.7) ? 0 : random.integer(1, 70);
    for (int64_t n = random.integer(0, 4); n > 0; --n) {
      const int64_t keys = random.pick<int64_t>({0, 1, group - 1, group, group + 1, 63, 64, 65, 200});
      runs.push_back(draw_run(random, c.format, call.kv_heads, column, keys));
      column += keys + (random.chance(0.5) ? 0 : random.integer(1, 40));
    }
    if (random.chance(0.5)) std::reverse(runs.begin(), runs.end());
    call.kv_len = std::max(call.kv_len, column);
  }
  point_to_runs(c);
}

void random_positions(Random &random, PackedCase &c) {
  AttentionCall &call = c.call.dense;
  const bool fits = random.chance(0.7);
  for (int64_t row = 0; row < call.rows; ++row) {
    c.first_pos.push_back(random.chance(0.6) ? 0 : random.integer(-call.kv_len - 1, 20));
    const int64_t start =
        fits ? c.first_pos.back() + call.kv_len - call.n_new : random.integer(-3, call.kv_len + 3);
    for (int64_t i = 0; i < call.n_new; ++i) c.q_pos[static_cast<size_t>(row * call.n_new + i)] = start + i;
  }
  if (random.chance(0.8)) call.first_pos = c.first_pos.data();
  if (random.chance(0.3)) {
    call.key_pos_head_stride = random.chance(0.5) ? call.kv_len : 0;
    call.key_pos_row_stride = random.chance(0.5) ? call.kv_len * call.kv_heads : 0;
    for (int64_t i = 0; i < call.rows * call.kv_heads * call.kv_len; ++i) {
      c.key_pos.push_back(random.chance(0.2) ? random.integer(-5, call.kv_len) : i % call.kv_len);
    }
    call.key_pos = c.key_pos.data();
  }
  call.causal = random.chance(0.8);
  call.window = random.chance(0.3) ? random.integer(1, call.kv_len + 2) : 0;
  call.keep_first = call.window && random.chance(0.3) ? random.integer(1, 5) : 0;
}

void random_extras(Random &random, PackedCase &c) {
  AttentionCall &call = c.call.dense;
  call.softcap = random.chance(0.2) ? 5.0f : 0.0f;
  if (random.chance(0.2)) {
    c.bias = random.elements(Dtype::f32, std::max<int64_t>(call.n_new * call.kv_len, 1));
    call.bias = c.bias.floats();
    call.bias_stride[2] = call.kv_len, call.bias_stride[3] = 1;
  }
  if (random.chance(0.2)) {
    c.sinks = random.elements(Dtype::f32, call.q_heads);
    call.sinks = c.sinks.floats();
  }
  call.merge = random.chance(0.2);
  call.round_to_bf16 = random.chance(0.2);
}

std::unique_ptr<PackedCase> random_case(Random &random) {
  const int64_t dim_k = random.pick<int64_t>({16, 20, 64, 64, 80, 96, 128});
  const bool in_keys = random.chance(0.2);
  const int64_t dim_v = in_keys              ? random.integer(1, dim_k)
                        : random.chance(0.8) ? dim_k
                                             : random.pick<int64_t>({1, 16, 40, 64, 128});
  auto c = std::make_unique<PackedCase>(
      in_keys ? BlockFormat(random_format(random, dim_k), dim_v)
              : BlockFormat(random_format(random, dim_k), random_format(random, dim_v)));
  AttentionCall &call = c->call.dense;
  call.rows = random.integer(1, 3);
  call.kv_heads = random.integer(1, 3);
  call.q_heads = call.kv_heads * random.pick<int64_t>({1, 1, 2, 3, 4, 7, 8});
  call.n_new = random.pick<int64_t>({1, 1, 1, 2, 5, 40});
  call.dim_k = dim_k, call.dim_v = dim_v;
  call.q_type = random.pick({Dtype::f32, Dtype::f32, Dtype::bf16, Dtype::f16});
  call.out_type = random.pick({Dtype::f32, Dtype::f32, Dtype::bf16, Dtype::f16});
  random_runs(random, *c);
  make_queries(random, *c);
  random_positions(random, *c);
  random_extras(random, *c);
  if (!call.merge && random.chance(0.3)) call.lse = nullptr;
  return c;
}

/// Of outputs that are averages of numbers of about unit size, the greatest difference there may be.
///
/// 16-bit outputs round to 2^-9 (bf16) and 2^-11 of themselves. f16 and bf16 compute_dtype rounds keys and values likewise,
/// and bf16 the queries and weights, too.
///
/// In integers a query's step is its largest number / 127, so a logit is wrong by about |q| max / 254 / sqrt(3) * rms(k):
/// 0.004 for unit numbers; several times that at the worst of thousands. A weight's step is the block's largest / 127, so a
/// sum over a block of 64 is wrong by up to sqrt(64 / 12) / 127 = 0.02 of the largest, much less of the sum of all. With 8
/// bits steps are 256 times finer.
float tolerance(const PackedCall &call) {
  const AttentionCall &dense = call.dense;
  const float out = dense.out_type == Dtype::bf16 ? 2e-2f : dense.out_type == Dtype::f16 ? 3e-3f : 0.0f;
  const bool in_bf16 = dense.q_type == Dtype::bf16 || dense.round_to_bf16;
  switch (call.compute_dtype) {
    case ComputeDtype::f32:
      return out + 1e-4f;
    case ComputeDtype::f16:
      return out + 1e-2f;
    case ComputeDtype::bf16:
      return out + 5e-2f;
    case ComputeDtype::automatic:
      break;
  }
  const bool integers = dense.q_heads / dense.kv_heads * dense.n_new <= 16 && packed_kernels() != nullptr;
  if (!integers) return out + (in_bf16 ? 5e-2f : 1e-4f);
  return out + (call.format->key.bits == 8 && call.format->value.bits == 8 ? 1e-3f : 2e-2f);
}

float worst_difference(const Buffer &a, const Buffer &b) {
  float worst = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    const float x = a.at(i), y = b.at(i);
    if (x == y) continue;
    const float difference = std::abs(x - y);
    worst = std::isnan(difference) ? kInfinity : std::max(worst, difference);
  }
  return worst;
}

void check_at(PackedCase &c, const Buffer &expected_out, const Buffer &expected_lse,
              const Parallel &parallel) {
  PackedCall call = c.call;
  for (ComputeDtype compute_dtype : kComputeDtypes) {
    Buffer out = c.out, lse = c.lse;
    call.dense.out = out.data();
    if (call.dense.lse) call.dense.lse = lse.floats();
    c.call.compute_dtype = call.compute_dtype = compute_dtype;
    attention(call, parallel);
    const float out_error = worst_difference(out, expected_out), most = tolerance(call);
    const float lse_error = call.dense.lse ? worst_difference(lse, expected_lse) : 0.0f;
    if (out_error > most || lse_error > most) {
      FAIL(cpu_capability().name << ": out differs by " << out_error << ", lse by " << lse_error << ": "
                                 << describe(c));
    }
  }
}

/// At every capability.
void check_case(PackedCase &c, const Parallel &parallel) {
  Buffer expected_out = c.out, expected_lse = c.lse;
  PackedCall call = c.call;
  call.dense.out = expected_out.data();
  if (call.dense.lse) call.dense.lse = expected_lse.floats();
  attention_reference(call);
  for_each_capability([&](const CpuCapability &) { check_at(c, expected_out, expected_lse, parallel); });
}

}  // namespace

TEST_CASE(
    "Packed attention equals the reference implementation for random formats, runs, positions and options, "
    "at every "
    "capability") {
  Random random(5);
  for (int i = 0; i < 120; ++i) {
    auto c = random_case(random);
    INFO("case " << i);
    check_case(*c, i % 2 ? serial() : test_threads());
  }
  SUCCEED();
}

namespace {

std::unique_ptr<PackedCase> simple_case(const TensorFormat &key, const TensorFormat &value, int64_t keys,
                                        int64_t group = 3, int64_t n_new = 1) {
  Random random(9);
  auto c = std::make_unique<PackedCase>(BlockFormat(key, value));
  AttentionCall &call = c->call.dense;
  call.rows = call.kv_heads = 1;
  call.q_heads = group, call.n_new = n_new, call.kv_len = keys;
  call.dim_k = key.dim, call.dim_v = value.dim;
  c->runs.emplace_back().push_back(draw_run(random, c->format, 1, 0, keys));
  point_to_runs(*c);
  make_queries(random, *c);
  return c;
}

TensorFormat make_format(int bits, Axis axis, int64_t group, int64_t dim) {
  TensorFormat format;
  format.bits = bits, format.axis = axis, format.group = group, format.dim = dim;
  return format;
}

}  // namespace

TEST_CASE("All 25 pairs of bits, per token and per channel, equal the reference implementation") {
  for (int key_bits : {8, 4, 3, 2, 1}) {
    for (int value_bits : {8, 4, 3, 2, 1}) {
      for (Axis axis : {Axis::token, Axis::channel}) {
        for (Axis value_axis : {Axis::token, Axis::channel}) {
          auto c = simple_case(make_format(key_bits, axis, 32, 64),
                               make_format(value_bits, value_axis, 64, 64), 200);
          check_case(*c, serial());
        }
      }
    }
  }
  SUCCEED();
}

TEST_CASE(
    "Integers do not overflow where all elements of queries, keys and values are as large as they get") {
  for (int bits : {8, 4, 3, 2, 1}) {
    for (Axis axis : {Axis::token, Axis::channel}) {
      for (int64_t dim : {64, 128, 640}) {
        const TensorFormat format = make_format(bits, axis, 256, dim);
        for (std::byte code : {std::byte{0}, std::byte{255}}) {
          auto c = simple_case(format, format, 300);
          for (std::byte *block = c->runs[0][0].bytes.data(), *end = block + 2 * c->format.bytes;
               block != end; block += c->format.bytes) {
            std::fill_n(block + c->format.key_layout.codes, c->format.key_layout.units * 8 * bits, code);
            std::fill_n(block + c->format.value_layout.codes, c->format.value_layout.units * 8 * bits, code);
          }
          std::fill_n(c->q.floats(), c->q.size(), code == std::byte{0} ? -0.25f : 0.25f);
          check_case(*c, serial());
        }
      }
    }
  }
  SUCCEED();
}

TEST_CASE("A long decode step over packed blocks, split over keys, equals the reference implementation") {
  auto c = simple_case(make_format(4, Axis::token, 64, 64), make_format(4, Axis::token, 64, 64), 3000);
  check_case(*c, test_threads());
  c = simple_case(make_format(2, Axis::channel, 128, 80), make_format(3, Axis::token, 16, 80), 3000, 8);
  check_case(*c, test_threads());
  SUCCEED();
}

TEST_CASE(
    "Latents of many query heads, whose values are the leading elements of their keys, take no memory for "
    "values") {
  const TensorFormat latent = make_format(4, Axis::token, 64, 576);
  CHECK(BlockFormat(latent, 512).bytes * 16 <
        BlockFormat(latent, make_format(4, Axis::token, 64, 512)).bytes * 9);
  CHECK_THROWS_AS(BlockFormat(latent, 577), std::invalid_argument);
  for (const bool rotate : {false, true}) {
    TensorFormat key = latent;
    key.rotate = rotate;
    Random random(9);
    PackedCase c(BlockFormat(key, 512));
    AttentionCall &call = c.call.dense;
    call.rows = call.kv_heads = call.n_new = 1;
    call.q_heads = 24, call.kv_len = 300, call.dim_k = 576, call.dim_v = 512;
    c.runs.emplace_back().push_back(draw_run(random, c.format, 1, 0, call.kv_len));
    point_to_runs(c);
    make_queries(random, c);
    check_case(c, test_threads());
  }
}

TEST_CASE("Packed blocks whose head size is not the call's are refused") {
  auto c = simple_case(make_format(4, Axis::token, 64, 64), make_format(4, Axis::token, 64, 64), 10);
  c->call.dense.dim_k = 32;
  CHECK_THROWS_AS(attention(c->call, serial()), std::invalid_argument);
}
