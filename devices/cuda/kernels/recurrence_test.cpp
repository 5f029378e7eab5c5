#include "devices/cuda/testing/orders.hpp"
#include "kernels/testing/recurrence.hpp"

using namespace kvern;
using kernels::testing::RandomRows;
using namespace kvern::device::testing;

namespace {

/// A call of [tokens, width] outputs by kernel and reference implementation: outputs, then the new states.
template <class Call>
void compare(Call call, RandomRows &rows, int64_t width, void (*kernel)(const Call &, void *),
             void (*reference)(const Call &)) {
  const int64_t outputs = rows.count() * width;
  Buffer out(Dtype::f32, outputs + rows.new_state.size());
  fill(out, NAN);
  call.tokens = rows.tokens;
  call.out_stride = width;
  const auto with = [&](Buffer &to) {
    call.out = to.floats();
    call.tokens.new_state = to.floats() + outputs;
    return call;
  };
  require_equal_results(
      out, 5e-5f, "recurrence", [&](Buffer &to) { reference(with(to)); },
      [&](Buffer &to) { kernel(with(to), nullptr); });
}

}  // namespace

TEST_CASE("Causal convolution on a card equals the reference implementation") {
  many_shapes(12, [](Random &random) {
    kernels::CausalConvCall call;
    call.channels = random.pick<int64_t>({1, 7, 33, 140});
    call.taps = random.pick<int64_t>({1, 2, 4, 16});
    RandomRows rows(random, (call.taps - 1) * call.channels);
    call.x_stride = call.x_gate_stride = call.out_gate_stride = call.channels + random.integer(0, 3);
    const int64_t n = rows.count() * call.x_stride;
    Buffer x = random.elements(Dtype::f32, n), gate = random.elements(Dtype::f32, n),
           out_gate = random.elements(Dtype::f32, n);
    Buffer weight = random.elements(Dtype::f32, call.taps * call.channels),
           bias = random.elements(Dtype::f32, call.channels);
    call.x = x.floats();
    call.weight = weight.floats();
    if (random.chance(0.5)) call.x_gate = gate.floats();
    if (random.chance(0.5)) call.out_gate = out_gate.floats();
    if (random.chance(0.5)) call.bias = bias.floats();
    call.silu = random.chance(0.5);
    compare(call, rows, call.channels, device::causal_conv, kernels::causal_conv_reference);
  });
}

TEST_CASE("Selective scan on a card equals the reference implementation") {
  many_shapes(20, [](Random &random) {
    kernels::SelectiveScanCall call;
    call.channels = random.pick<int64_t>({1, 7, 70});
    call.states = random.pick<int64_t>({1, 5, 16});
    RandomRows rows(random, call.states * call.channels);
    call.x_stride = call.dt_stride = call.gate_stride = call.channels + random.integer(0, 3);
    call.b_stride = call.c_stride = call.states;
    const int64_t n = rows.count() * call.x_stride;
    Buffer x = random.elements(Dtype::f32, n), dt = random.elements(Dtype::f32, n),
           gate = random.elements(Dtype::f32, n);
    Buffer b = random.elements(Dtype::f32, rows.count() * call.states),
           c = random.elements(Dtype::f32, rows.count() * call.states);
    Buffer a = random.elements(Dtype::f32, call.states * call.channels),
           d = random.elements(Dtype::f32, call.channels);
    for (int64_t i = 0; i < a.size(); ++i) a.set(i, -std::abs(a.at(i)));
    call.x = x.floats(), call.dt = dt.floats(), call.b = b.floats(), call.c = c.floats();
    call.a = a.floats(), call.d = d.floats();
    if (random.chance(0.5)) call.gate = gate.floats();
    compare(call, rows, call.channels, device::selective_scan, kernels::selective_scan_reference);
  });
}

TEST_CASE("The scan of Mamba-2 on a card equals the reference implementation") {
  many_shapes(10, [](Random &random) {
    kernels::SsdScanCall call;
    call.groups = random.integer(1, 2);
    call.heads = call.groups * random.integer(1, 3);
    call.head_dim = random.pick<int64_t>({1, 8, 33});
    call.states = random.pick<int64_t>({1, 5, 16});
    if (random.chance(0.5)) call.dt_min = 0.5f, call.dt_max = 0.9f;
    RandomRows rows(random, call.heads * call.states * call.head_dim);
    const int64_t n = rows.count(), width = call.heads * call.head_dim, inner = call.groups * call.states;
    call.x_stride = width, call.dt_stride = call.heads, call.b_stride = call.c_stride = inner;
    Buffer x = random.elements(Dtype::f32, n * width), dt = random.elements(Dtype::f32, n * call.heads);
    Buffer b = random.elements(Dtype::f32, n * inner), c = random.elements(Dtype::f32, n * inner);
    Buffer a = random.elements(Dtype::f32, call.heads), d = random.elements(Dtype::f32, call.heads),
           bias = random.elements(Dtype::f32, call.heads);
    if (random.chance(0.3)) dt.set(0, NAN);  // stays so where steps are clamped
    for (int64_t i = 0; i < a.size(); ++i) a.set(i, -std::abs(a.at(i)));
    call.x = x.floats(), call.dt = dt.floats(), call.b = b.floats(), call.c = c.floats();
    call.a = a.floats(), call.d = d.floats(), call.dt_bias = bias.floats();
    compare(call, rows, width, device::ssd_scan, kernels::ssd_scan_reference);
  });
}

TEST_CASE("The gated delta rule on a card equals the reference implementation") {
  many_shapes(10, [](Random &random) {
    kernels::DeltaRuleCall call;
    call.key_heads = random.integer(1, 2);
    call.value_heads = call.key_heads * random.integer(1, 3);
    call.key_dim = random.pick<int64_t>({1, 8, 20});
    call.value_dim = random.pick<int64_t>({1, 8, 33});
    call.q_scale = 0.5f, call.k_scale = 0.25f;
    RandomRows rows(random, call.value_heads * call.key_dim * call.value_dim);
    const int64_t n = rows.count(), keys = call.key_heads * call.key_dim,
                  width = call.value_heads * call.value_dim;
    call.q_stride = call.k_stride = keys, call.v_stride = width,
    call.b_stride = call.dt_stride = call.value_heads;
    Buffer q = random.elements(Dtype::f32, n * keys), k = random.elements(Dtype::f32, n * keys),
           v = random.elements(Dtype::f32, n * width);
    Buffer b = random.elements(Dtype::f32, n * call.value_heads),
           dt = random.elements(Dtype::f32, n * call.value_heads);
    Buffer a = random.elements(Dtype::f32, call.value_heads),
           bias = random.elements(Dtype::f32, call.value_heads);
    for (int64_t i = 0; i < a.size(); ++i) a.set(i, -std::abs(a.at(i)));
    call.q = q.floats(), call.k = k.floats(), call.v = v.floats(), call.b = b.floats(), call.dt = dt.floats();
    call.a = a.floats(), call.dt_bias = bias.floats();
    compare(call, rows, width, device::delta_rule, kernels::delta_rule_reference);
  });
}
