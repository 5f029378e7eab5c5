#include "kernels/delta_rule.hpp"

#include "kernels/testing/recurrence.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

TEST_CASE(
    "The gated delta rule equals the reference implementation, with value heads that share a key head") {
  many_times([](Random &random) {
    DeltaRuleCall call;
    call.key_heads = random.pick<int64_t>({1, 2});
    call.value_heads = call.key_heads * random.pick<int64_t>({1, 2, 3});
    call.key_dim = random.pick<int64_t>({1, 8, 33, 128});
    call.value_dim = random.pick<int64_t>({1, 8, 33, 64, 80});
    RandomRows rows(random, call.value_heads * call.key_dim * call.value_dim);
    const int64_t keys = call.key_heads * call.key_dim, values = call.value_heads * call.value_dim;
    call.q_stride = call.k_stride = keys + random.integer(0, 3);
    call.v_stride = values + random.integer(0, 3);
    call.b_stride = call.dt_stride = call.value_heads + random.integer(0, 3);
    const float scale = 1.0f / std::sqrt(static_cast<float>(call.key_dim));
    Buffer q = random.elements(Dtype::f32, rows.count() * call.q_stride),
           k = random.elements(Dtype::f32, rows.count() * call.k_stride),
           v = random.elements(Dtype::f32, rows.count() * call.v_stride),
           b = random.elements(Dtype::f32, rows.count() * call.b_stride, 3.0f),
           dt = random.elements(Dtype::f32, rows.count() * call.dt_stride, 3.0f),
           a = random.elements(Dtype::f32, call.value_heads),
           bias = random.elements(Dtype::f32, call.value_heads);
    for (int64_t i = 0; i < call.value_heads; ++i) a.set(i, -std::abs(a.at(i)));
    call.q = q.floats();
    call.k = k.floats();
    call.v = v.floats();
    call.b = b.floats();
    call.dt = dt.floats();
    call.a = a.floats();
    call.dt_bias = bias.floats();
    call.q_scale = scale;
    call.k_scale = 0.7f * scale;
    compare(call, rows, values, delta_rule, delta_rule_reference);
  });
}

TEST_CASE("A text through the delta rule in chunks gives what it gives at once") {
  Random random(6);
  constexpr int64_t kTokens = 23, kDim = 24;
  Buffer q = random.elements(Dtype::f32, kTokens * kDim), k = random.elements(Dtype::f32, kTokens * kDim),
         v = random.elements(Dtype::f32, kTokens * kDim), b = random.elements(Dtype::f32, kTokens),
         dt = random.elements(Dtype::f32, kTokens);
  const float a = -0.7f, bias = 0.1f;
  require_chunks_equal_whole(kTokens, kDim, kDim * kDim,
                             [&](int64_t first, int64_t n, const float *state, float *new_state, float *out) {
                               const int64_t begin = 0;
                               DeltaRuleCall call;
                               call.tokens = {1, n, &begin, &n, state, new_state, false};
                               call.key_heads = call.value_heads = call.b_stride = call.dt_stride = 1;
                               call.key_dim = call.value_dim = kDim;
                               call.q_stride = call.k_stride = call.v_stride = call.out_stride = kDim;
                               call.k_scale = 0.2f;
                               call.q = q.floats() + first * kDim;
                               call.k = k.floats() + first * kDim;
                               call.v = v.floats() + first * kDim;
                               call.b = b.floats() + first;
                               call.dt = dt.floats() + first;
                               call.a = &a;
                               call.dt_bias = &bias;
                               call.out = out;
                               delta_rule(call, serial());
                             });
}
