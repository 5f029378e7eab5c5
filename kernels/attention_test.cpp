#include "kernels/attention_mass.hpp"

#include <cmath>
#include <stdexcept>
#include <memory>

#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A call with all it points to.
struct Case {
  AttentionCall call;
  Buffer q, k, v, bias, sinks, out, lse;
  std::vector<int64_t> q_pos, first_pos, key_pos;
};

/// Strides of [rows, heads, pos, dim] in one of the orders that caches use, with or without gaps; returns the
/// elements.
int64_t choose_strides(Random &random, AttentionStrides &s, int64_t rows, int64_t heads, int64_t pos,
                       int64_t dim) {
  int64_t gap = random.chance(0.5) ? random.integer(1, 9) : 0;
  if (random.chance(0.5)) {
    s.pos = dim + gap;
    s.head = pos * s.pos + gap;
    s.row = heads * s.head;
  } else {
    s.head = dim + gap;
    s.pos = heads * s.head;
    s.row = pos * s.pos + gap;
  }
  if (rows * heads * pos == 0) return 0;
  return (rows - 1) * s.row + (heads - 1) * s.head + (pos - 1) * s.pos + dim;
}

void choose_positions(Random &random, Case &c) {
  AttentionCall &call = c.call;
  bool fits = random.chance(0.7);  // new tokens are the last ones, as in a cache
  for (int64_t row = 0; row < call.rows; ++row) {
    c.first_pos.push_back(random.chance(0.6) ? 0 : random.integer(-call.kv_len - 1, 20));
    int64_t start = fits ? c.first_pos[row] + call.kv_len - call.n_new : random.integer(-3, call.kv_len + 3);
    for (int64_t i = 0; i < call.n_new; ++i) c.q_pos.push_back(start + i);
  }
  call.q_pos = c.q_pos.data();
  if (random.chance(0.8)) call.first_pos = c.first_pos.data();
  if (random.chance(0.3)) {
    call.key_pos_head_stride = random.chance(0.5) ? call.kv_len : 0;
    call.key_pos_row_stride = random.chance(0.5) ? call.kv_len * call.kv_heads : 0;
    for (int64_t i = 0; i < call.rows * call.kv_heads * call.kv_len; ++i) {
      c.key_pos.push_back(random.chance(0.2) ? random.integer(-5, call.kv_len)
                                             : i % std::max<int64_t>(call.kv_len, 1));
    }
    call.key_pos = c.key_pos.data();
  }
  call.causal = random.chance(0.8);
  call.window = random.chance(0.3) ? random.integer(1, call.kv_len + 2) : 0;
  call.keep_first = call.window && random.chance(0.3) ? random.integer(1, 5) : 0;
}

void choose_extras(Random &random, Case &c) {
  AttentionCall &call = c.call;
  call.scale = 1.0f / std::sqrt(static_cast<float>(call.dim_k));
  call.softcap = random.chance(0.2) ? 5.0f : 0.0f;
  if (random.chance(0.2)) {
    int64_t sizes[4] = {call.rows, call.q_heads, call.n_new, call.kv_len}, total = 1;
    for (int i = 3; i >= 0; --i) {
      if (random.chance(0.3)) continue;  // broadcasts
      call.bias_stride[i] = total;
      total *= sizes[i];
    }
    c.bias = random.elements(Dtype::f32, std::max<int64_t>(total, 1));
    call.bias = c.bias.floats();
  }
  if (random.chance(0.2)) {
    c.sinks = random.elements(Dtype::f32, call.q_heads);
    call.sinks = c.sinks.floats();
  }
  call.merge = random.chance(0.2);
  call.round_to_bf16 = random.chance(0.3);
}

std::unique_ptr<Case> random_case(Random &random) {
  auto c = std::make_unique<Case>();
  AttentionCall &call = c->call;
  call.rows = random.integer(1, 3);
  call.kv_heads = random.integer(1, 3);
  call.q_heads = call.kv_heads * random.pick<int64_t>({1, 1, 2, 3, 4, 5, 8});
  call.n_new = random.pick<int64_t>({1, 1, 1, 2, 7, 33});
  call.kv_len = random.pick<int64_t>({0, 1, 2, 15, 16, 17, 127, 128, 129, 300, 700});
  call.dim_k = random.pick<int64_t>({8, 16, 31, 64, 80, 96, 128, 144});
  call.dim_v = random.chance(0.8) ? call.dim_k : random.pick<int64_t>({1, 8, 40, 64, 128});
  call.kv_type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
  call.q_type = random.pick({Dtype::f32, Dtype::f32, call.kv_type});
  call.out_type = random.pick({Dtype::f32, Dtype::f32, call.kv_type});
  c->q = random.elements(
      call.q_type, choose_strides(random, call.q_stride, call.rows, call.q_heads, call.n_new, call.dim_k));
  c->k = random.elements(
      call.kv_type, choose_strides(random, call.k_stride, call.rows, call.kv_heads, call.kv_len, call.dim_k));
  c->v = random.elements(
      call.kv_type, choose_strides(random, call.v_stride, call.rows, call.kv_heads, call.kv_len, call.dim_v));
  c->out = random.elements(call.out_type, choose_strides(random, call.out_stride, call.rows, call.q_heads,
                                                         call.n_new, call.dim_v));
  c->lse = random.elements(Dtype::f32, call.rows * call.q_heads * call.n_new);
  choose_positions(random, *c);
  choose_extras(random, *c);
  if (call.merge || random.chance(0.7)) call.lse = c->lse.floats();
  call.q = c->q.data();
  call.k = c->k.data();
  call.v = c->v.data();
  return c;
}

/// Absolute, of outputs that are averages of unit normal numbers. 16-bit outputs round to 2^-9 of themselves;
/// where both sides are bf16 the weights may be rounded as well.
float tolerance(const AttentionCall &call) {
  if ((call.q_type == Dtype::bf16 || call.round_to_bf16) && call.kv_type == Dtype::bf16) return 3e-2f;
  return call.out_type == Dtype::bf16 ? 2e-2f : call.out_type == Dtype::f16 ? 3e-3f : 2e-5f;
}

std::string describe(const AttentionCall &c) {
  std::string text;
  auto add = [&text](const char *name, int64_t value) {
    text += std::string(name) + "=" + std::to_string(value) + " ";
  };
  add("rows", c.rows), add("q_heads", c.q_heads), add("kv_heads", c.kv_heads), add("n_new", c.n_new);
  add("kv_len", c.kv_len), add("dim_k", c.dim_k), add("dim_v", c.dim_v), add("causal", c.causal);
  add("window", c.window), add("keep_first", c.keep_first), add("key_pos", c.key_pos != nullptr);
  add("bias", c.bias != nullptr), add("sinks", c.sinks != nullptr), add("merge", c.merge);
  return text + name_of(c.q_type) + " " + name_of(c.kv_type) + " " + name_of(c.out_type);
}

float worst_difference(const Buffer &a, const Buffer &b) {
  float worst = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    float x = a.at(i), y = b.at(i);
    if (x == y) continue;
    float difference = std::abs(x - y);
    worst = std::isnan(difference) ? kInfinity : std::max(worst, difference);
  }
  return worst;
}

/// What a call writes.
struct Outputs {
  Buffer out, lse;
};

template <class Run>
Outputs outputs_of(const Case &c, Run run) {
  Outputs to{c.out, c.lse};
  AttentionCall call = c.call;
  call.out = to.out.data();
  call.lse = c.call.lse ? to.lse.floats() : nullptr;
  run(call);
  return to;
}

/// Of the reference implementation, which every capability is compared with.
Outputs expected_of(const Case &c) { return outputs_of(c, attention_reference); }

void check_case(const Case &c, const Outputs &expected, const Parallel &parallel) {
  const AttentionCall &call = c.call;
  const Outputs got = outputs_of(c, [&](const AttentionCall &to) { attention(to, parallel); });
  const float out_error = worst_difference(got.out, expected.out),
              lse_error = worst_difference(got.lse, expected.lse);
  if (out_error > tolerance(call) || lse_error > (call.round_to_bf16 ? 2e-2f : 1e-4f)) {
    FAIL(cpu_capability().name << ": out differs by " << out_error << ", lse by " << lse_error << ": "
                               << describe(call));
  }
}

// A sanitized build is ten times slower, and looks for other faults than a case's numbers.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kCases = 50, kMassCases = 20;
#else
constexpr int kCases = 250, kMassCases = 100;
#endif

}  // namespace

TEST_CASE(
    "Attention equals the reference implementation for random shapes, strides, positions and options, at "
    "every capability") {
  Random random(7);
  for (int i = 0; i < kCases; ++i) {
    const auto c = random_case(random);
    const Outputs expected = expected_of(*c);
    for_each_capability([&](const CpuCapability &capability) {
      INFO("case " << i << " at " << capability.name);
      check_case(*c, expected, i % 2 ? serial() : test_threads());
    });
  }
  SUCCEED();
}

namespace {

/// The mass of a call, in rows of kv_len and a gap, from `run`.
template <class Run>
Buffer mass_of(const Case &c, Run run) {
  const int64_t stride = c.call.kv_len + 3;
  Buffer mass(Dtype::f32, c.call.rows * c.call.kv_heads * stride + 1), out = c.out, lse = c.lse;
  for (int64_t i = 0; i < mass.size(); ++i) mass.set(i, 0.5f);
  AttentionCall call = c.call;
  call.out = out.data();
  call.lse = c.call.lse ? lse.floats() : nullptr;
  run(call, AttentionMass{mass.floats(), c.call.kv_heads * stride, stride});
  return mass;
}

/// Mass of the kernel against the reference implementation, and against itself on several threads.
void check_mass(const Case &c, const Buffer &expected) {
  const auto on = [](const Parallel &parallel) {
    return [&](const AttentionCall &call, const AttentionMass &mass) {
      attention_with_mass(call, mass, parallel);
    };
  };
  const Parallel alone = serial(), many = test_threads();
  const Buffer one = mass_of(c, on(alone)), threaded = mass_of(c, on(many));
  const bool in_bf16 =
      (c.call.q_type == Dtype::bf16 || c.call.round_to_bf16) && c.call.kv_type == Dtype::bf16;
  const float queries = static_cast<float>(c.call.n_new * c.call.q_heads / c.call.kv_heads);
  INFO(describe(c.call));
  REQUIRE(worst_difference(one, expected) <= (in_bf16 ? 2e-2f : 2e-5f) * std::max(1.0f, queries));
  REQUIRE(worst_difference(one, threaded) == 0.0f);
}

}  // namespace

TEST_CASE(
    "Attention mass equals the reference implementation on any number of threads, at every capability") {
  Random random(23);
  for (int i = 0; i < kMassCases; ++i) {
    auto c = random_case(random);
    c->call.merge = false;
    const Buffer mass = mass_of(*c, attention_with_mass_reference);
    const Outputs expected = expected_of(*c);
    for_each_capability([&](const CpuCapability &capability) {
      INFO("case " << i << " at " << capability.name);
      check_mass(*c, mass);
      check_case(*c, expected, serial());
    });
  }
}

TEST_CASE("A long decode step split over keys equals the reference implementation") {
  Random random(11);
  for (int i = 0; i < 6; ++i) {
    auto c = random_case(random);
    while (c->call.n_new != 1 || c->call.kv_len < 300 || c->call.kv_heads > 1) c = random_case(random);
    const Outputs expected = expected_of(*c);
    for_each_capability([&](const CpuCapability &) { check_case(*c, expected, test_threads()); });
  }
  SUCCEED();
}

namespace {

/// One query token of `group` heads for each of two key heads, as a model decodes, at every capability.
void check_decode(Random &random, Dtype kv_type, bool round, int64_t group, int64_t kv_len, int64_t dim) {
  Case c;
  AttentionCall &call = c.call;
  call.rows = 1, call.kv_heads = 2, call.q_heads = 2 * group, call.n_new = 1, call.kv_len = kv_len;
  call.dim_k = call.dim_v = dim;
  call.kv_type = kv_type;
  call.round_to_bf16 = round;
  call.scale = 1.0f / std::sqrt(static_cast<float>(dim));
  call.q_stride = call.out_stride = {2 * group * dim, dim, dim};
  call.k_stride = call.v_stride = {2 * kv_len * dim, kv_len * dim, dim};
  c.q = random.elements(Dtype::f32, 2 * group * dim);
  c.k = random.elements(kv_type, 2 * kv_len * dim);
  c.v = random.elements(kv_type, 2 * kv_len * dim);
  c.out = Buffer(Dtype::f32, 2 * group * dim);
  c.lse = Buffer(Dtype::f32, 2 * group);
  c.q_pos = {kv_len - 1};
  call.q = c.q.data(), call.k = c.k.data(), call.v = c.v.data();
  call.q_pos = c.q_pos.data(), call.lse = c.lse.floats();
  INFO("group " << group << ", " << kv_len << " keys of " << dim);
  const Outputs expected = expected_of(c);
  for_each_capability([&](const CpuCapability &) { check_case(c, expected, serial()); });
}

}  // namespace

TEST_CASE(
    "A decode step equals the reference implementation for every group, format and length about a block's "
    "ends") {
  Random random(19);
  for (int64_t group : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17}) {
    for (int64_t kv_len : {1, 15, 17, 513, 1100}) {
      if (kv_len > 17 && group != 1 && group != 3 && group != 7) continue;
      const int64_t dim = kv_len > 500 ? 64 : random.pick<int64_t>({40, 64, 96, 128, 256, 264});
      check_decode(random, Dtype::f32, false, group, kv_len, dim);
      check_decode(random, Dtype::f16, false, group, kv_len, dim);
      check_decode(random, Dtype::bf16, group % 2 == 0, group, kv_len, dim);
      check_decode(random, Dtype::bf16, true, group, kv_len, dim);
    }
  }
  SUCCEED();
}

namespace {

/// One row, one head, 64 keys of 16 numbers at positions 0..63, and a query at position 63.
struct SmallCase {
  Random random{3};
  Buffer q = random.elements(Dtype::f32, 16), k = random.elements(Dtype::f32, 64 * 16),
         v = random.elements(Dtype::f32, 64 * 16), out = Buffer(Dtype::f32, 16), lse = Buffer(Dtype::f32, 1);
  int64_t q_pos = 63;
  AttentionCall call;

  SmallCase() {
    call.rows = call.q_heads = call.kv_heads = call.n_new = 1;
    call.kv_len = 64;
    call.dim_k = call.dim_v = 16;
    call.k_stride = call.v_stride = {64 * 16, 64 * 16, 16};
    call.q = q.data();
    call.k = k.data();
    call.v = v.data();
    call.out = out.data();
    call.lse = lse.floats();
    call.q_pos = &q_pos;
  }
};

}  // namespace

TEST_CASE("A query that sees nothing gets zeros and a log of -infinity, or the sink's logit") {
  for_each_capability([](const CpuCapability &) {
    SmallCase c;
    c.q_pos = -1;
    attention(c.call, serial());
    for (int64_t i = 0; i < 16; ++i) REQUIRE(c.out.at(i) == 0.0f);
    REQUIRE(c.lse.at(0) == -kInfinity);
    float sink = 1.5f;
    c.call.sinks = &sink;
    attention(c.call, serial());
    REQUIRE(c.out.at(0) == 0.0f);
    REQUIRE(c.lse.at(0) == Approx(1.5f));
  });
}

TEST_CASE("Hidden slots contribute exactly nothing, whatever finite number they hold") {
  for_each_capability([](const CpuCapability &) {
    SmallCase c;
    c.q_pos = 40;
    attention(c.call, serial());
    std::vector<unsigned char> before = c.out.bytes;
    for (int64_t i = 41 * 16; i < 64 * 16; ++i) {
      c.k.set(i, 1e15f);
      c.v.set(i, -3e38f);
    }
    attention(c.call, serial());
    REQUIRE(c.out.bytes == before);
  });
}

TEST_CASE("Parts of the keys attended one after another with merge give the whole") {
  for_each_capability([](const CpuCapability &) {
    SmallCase c;
    attention(c.call, serial());
    Buffer whole = c.out, whole_lse = c.lse;
    c.lse.set(0, -kInfinity);
    c.call.merge = true;
    int64_t first = 0;
    c.call.first_pos = &first;
    for (int64_t length : {1, 20, 43}) {
      c.call.kv_len = length;
      attention(c.call, serial());
      c.call.k = static_cast<const float *>(c.call.k) + length * 16;
      c.call.v = static_cast<const float *>(c.call.v) + length * 16;
      first += length;
    }
    CHECK(worst_difference(c.out, whole) < 1e-5f);
    CHECK(worst_difference(c.lse, whole_lse) < 1e-5f);
  });
}

TEST_CASE("Two results with their logs merge into the result of both") {
  SmallCase c;
  attention(c.call, serial());
  Buffer whole = c.out, part(Dtype::f32, 16), part_lse(Dtype::f32, 1);
  c.call.kv_len = 50;
  attention(c.call, serial());
  int64_t first = 50;
  c.call.first_pos = &first;
  c.call.kv_len = 14;
  c.call.k = static_cast<const float *>(c.call.k) + 50 * 16;
  c.call.v = static_cast<const float *>(c.call.v) + 50 * 16;
  c.call.out = part.data();
  c.call.lse = part_lse.floats();
  attention(c.call, serial());
  merge_attention(c.out.floats(), c.lse.floats(), part.floats(), part_lse.floats(), 1, 16);
  CHECK(worst_difference(c.out, whole) < 1e-5f);
}

TEST_CASE("A call that contradicts itself is refused") {
  SmallCase c;
  c.call.kv_heads = 2;
  CHECK_THROWS_AS(attention(c.call, serial()), std::invalid_argument);
  c.call.kv_heads = 1;
  c.call.q_pos = nullptr;
  CHECK_THROWS_AS(attention(c.call, serial()), std::invalid_argument);
}

TEST_CASE("Reporting the mass leaves the result as it is, and each query gives a mass of 1") {
  for_each_capability([](const CpuCapability &) {
    SmallCase c;
    attention(c.call, serial());
    const std::vector<unsigned char> before = c.out.bytes;
    std::vector<float> mass(64, 0.0f);
    const AttentionMass to{mass.data(), 64, 64};
    attention_with_mass(c.call, to, serial());
    REQUIRE(c.out.bytes == before);
    double sum = 0;
    for (const float x : mass) sum += x;
    REQUIRE(sum == Approx(1.0).epsilon(1e-5));
    c.call.merge = true;
    REQUIRE_THROWS_AS(attention_with_mass(c.call, to, serial()), std::invalid_argument);
  });
}
