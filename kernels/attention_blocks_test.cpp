// Attention over blocks against its reference implementation, and against dense attention.
#include <cmath>

#include "kernels/attention_blocks.hpp"
#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

/// A call with all it points to: rows of different lengths, whose blocks follow each other in memory here and there.
struct Case {
  BlockedCall call{};
  Buffer q, out, lse, sinks;
  std::vector<Buffer> memory;
  std::vector<std::vector<KeyBlock>> blocks;
  std::vector<BlockedRow> rows;
  std::vector<int64_t> q_pos, first_pos;
};

/// Memory for so many blocks that follow each other.
Buffer memory_of(Random &random, const BlockedCall &call, int64_t blocks, int64_t dim) {
  return random.elements(call.dense.kv_type, call.dense.kv_heads * blocks * call.tokens * dim);
}

void add_row(Random &random, Case &c, int64_t keys) {
  std::vector<KeyBlock> blocks;
  const AttentionCall &dense = c.call.dense;
  for (int64_t left = (keys + c.call.tokens - 1) / c.call.tokens; left > 0;) {
    const int64_t n = std::min(left, random.pick<int64_t>({1, 1, 2, 3, 8}));
    const int64_t k_block = c.call.tokens * dense.dim_k, v_block = c.call.tokens * dense.dim_v;
    c.memory.push_back(memory_of(random, c.call, n, dense.dim_k));
    const void *k = c.memory.back().data();
    c.memory.push_back(memory_of(random, c.call, n, dense.dim_v));
    const void *v = c.memory.back().data();
    for (int64_t i = 0; i < n; ++i)
      blocks.push_back({element_at(k, dense.kv_type, i * k_block), element_at(v, dense.kv_type, i * v_block),
                        n * k_block, n * v_block});
    left -= n;
  }
  c.blocks.push_back(std::move(blocks));
  c.rows.push_back({c.blocks.back().data(), keys});
  c.first_pos.push_back(random.chance(0.8) ? 0 : random.integer(0, 9));
  for (int64_t i = 0; i < dense.n_new; ++i) c.q_pos.push_back(c.first_pos.back() + keys - dense.n_new + i);
}

void fill(Random &random, Case &c, int64_t max_keys) {
  AttentionCall &dense = c.call.dense;
  for (int64_t row = 0; row < dense.rows; ++row) add_row(random, c, random.integer(0, max_keys));
  for (const BlockedRow &row : c.rows) dense.kv_len = std::max(dense.kv_len, row.keys);
  const int64_t queries = dense.rows * dense.q_heads * dense.n_new;
  c.q = random.elements(dense.q_type, queries * dense.dim_k);
  c.out = random.elements(Dtype::f32, queries * dense.dim_v);
  c.lse = random.elements(Dtype::f32, queries);
  dense.q_stride = {dense.q_heads * dense.n_new * dense.dim_k, dense.n_new * dense.dim_k, dense.dim_k};
  dense.out_stride = {dense.q_heads * dense.n_new * dense.dim_v, dense.n_new * dense.dim_v, dense.dim_v};
  dense.k_stride.pos = dense.dim_k, dense.v_stride.pos = dense.dim_v;
  dense.q = c.q.data();
  dense.q_pos = c.q_pos.data(), dense.first_pos = c.first_pos.data();
  c.call.rows = c.rows.data();
}

Case random_case(Random &random) {
  Case c;
  AttentionCall &dense = c.call.dense;
  dense.rows = random.integer(1, 4);
  dense.kv_heads = random.integer(1, 3);
  dense.q_heads = dense.kv_heads * random.pick<int64_t>({1, 2, 3, 4, 7, 8});
  dense.n_new = random.pick<int64_t>({1, 1, 1, 2, 5, 33});
  dense.dim_k = random.pick<int64_t>({8, 31, 64, 64, 128});
  dense.dim_v = random.chance(0.8) ? dense.dim_k : random.pick<int64_t>({8, 40, 64});
  dense.kv_type = random.pick({Dtype::f32, Dtype::bf16, Dtype::bf16, Dtype::f16});
  dense.round_to_bf16 = random.chance(0.5);
  dense.scale = 1.0f / std::sqrt(static_cast<float>(dense.dim_k));
  dense.softcap = random.chance(0.2) ? 5.0f : 0.0f;
  dense.causal = random.chance(0.8);
  dense.window = random.chance(0.3) ? random.integer(1, 300) : 0;
  dense.merge = random.chance(0.2);
  c.call.tokens = random.pick<int64_t>({32, 64, 96, 128, 1312});  // the last: a row is one block
  fill(random, c, random.pick<int64_t>({0, 3, 20, 300, 1300}));
  if (random.chance(0.2)) {
    c.sinks = random.elements(Dtype::f32, dense.q_heads);
    dense.sinks = c.sinks.floats();
  }
  return c;
}

float worst_difference(const Buffer &a, const Buffer &b) {
  float worst = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    if (a.at(i) == b.at(i)) continue;
    const float difference = std::abs(a.at(i) - b.at(i));
    worst = std::isnan(difference) ? std::numeric_limits<float>::infinity() : std::max(worst, difference);
  }
  return worst;
}

void compare(const BlockedCall &call, const Buffer &out, const Buffer &lse, const Buffer &expected_out,
             const Buffer &expected_lse) {
  const bool rounds = call.dense.round_to_bf16 && call.dense.kv_type == Dtype::bf16;
  INFO("rows " << call.dense.rows << ", heads " << call.dense.q_heads << "/" << call.dense.kv_heads
               << ", new " << call.dense.n_new << ", keys " << call.dense.kv_len << ", blocks of "
               << call.tokens << ", " << name_of(call.dense.kv_type));
  REQUIRE(worst_difference(out, expected_out) <= (rounds ? 3e-2f : 2e-5f));
  REQUIRE(worst_difference(lse, expected_lse) <= (rounds ? 2e-2f : 1e-4f));
}

/// At every capability.
void check_case(const Case &c, const Parallel &parallel) {
  Buffer expected_out = c.out, expected_lse = c.lse;
  BlockedCall call = c.call;
  call.dense.out = expected_out.data(), call.dense.lse = expected_lse.floats();
  attention_reference(call);
  for_each_capability([&](const CpuCapability &capability) {
    Buffer out = c.out, lse = c.lse;
    call.dense.out = out.data(), call.dense.lse = lse.floats();
    attention(call, parallel);
    INFO("at " << capability.name);
    compare(call, out, lse, expected_out, expected_lse);
  });
}

#if defined(__SANITIZE_ADDRESS__)
constexpr int kCases = 40;  // each takes ten times as long
#else
constexpr int kCases = 200;
#endif

}  // namespace

TEST_CASE(
    "Attention over blocks equals the reference implementation for random rows, blocks and options, at every "
    "capability") {
  Random random(5);
  for (int i = 0; i < kCases; ++i) {
    const Case c = random_case(random);
    INFO("case " << i);
    check_case(c, i % 2 ? serial() : test_threads());
  }
}

TEST_CASE("One row whose keys are split among threads equals the reference implementation") {
  Random random(9);
  for (int i = 0; i < 6; ++i) {
    Case c = random_case(random);
    while (c.call.dense.n_new != 1 || c.call.dense.rows > 1 || c.call.dense.kv_len < 600)
      c = random_case(random);
    check_case(c, test_threads());
  }
}

TEST_CASE("Blocks that end within a panel, and calls without rows, are refused") {
  Random random(2);
  Case c = random_case(random);
  c.call.tokens = 48;
  CHECK_THROWS_WITH(attention(c.call, serial()), "attention over blocks: blocks of 48 tokens");
  c.call.tokens = 64;
  c.call.rows = nullptr;
  CHECK_THROWS_WITH(attention(c.call, serial()), "attention over blocks: no rows");
}
