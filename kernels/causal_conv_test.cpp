#include "kernels/causal_conv.hpp"

#include "kernels/testing/recurrence.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

TEST_CASE(
    "Causal convolution equals the reference implementation, with gates, bias, padding and a state by "
    "token") {
  many_times([](Random &random) {
    CausalConvCall call;
    call.channels = random.pick<int64_t>({1, 7, 16, 33, 300});
    call.taps = random.pick<int64_t>({1, 2, 3, 4, 16});
    RandomRows rows(random, (call.taps - 1) * call.channels);
    call.x_stride = call.channels + random.integer(0, 3);
    call.x_gate_stride = call.out_gate_stride = call.channels + random.integer(0, 3);
    Buffer x = random.elements(Dtype::f32, rows.count() * call.x_stride);
    Buffer gate = random.elements(Dtype::f32, rows.count() * call.x_gate_stride),
           out_gate = random.elements(Dtype::f32, rows.count() * call.out_gate_stride),
           weight = random.elements(Dtype::f32, call.taps * call.channels),
           bias = random.elements(Dtype::f32, call.channels);
    call.x = x.floats();
    call.weight = weight.floats();
    if (random.chance(0.5)) call.x_gate = gate.floats();
    if (random.chance(0.5)) call.out_gate = out_gate.floats();
    if (random.chance(0.5)) call.bias = bias.floats();
    call.silu = random.chance(0.5);
    compare(call, rows, call.channels, causal_conv, causal_conv_reference);
  });
}

TEST_CASE("A text convolved in chunks gives what it gives at once") {
  Random random(3);
  constexpr int64_t kTokens = 23, kChannels = 40, kTaps = 4;
  Buffer x = random.elements(Dtype::f32, kTokens * kChannels),
         weight = random.elements(Dtype::f32, kTaps * kChannels);
  require_chunks_equal_whole(kTokens, kChannels, (kTaps - 1) * kChannels,
                             [&](int64_t first, int64_t n, const float *state, float *new_state, float *out) {
                               const int64_t begin = 0;
                               CausalConvCall call;
                               call.tokens = {1, n, &begin, &n, state, new_state, false};
                               call.channels = call.x_stride = call.out_stride = kChannels;
                               call.taps = kTaps;
                               call.x = x.floats() + first * kChannels;
                               call.weight = weight.floats();
                               call.out = out;
                               causal_conv(call, serial());
                             });
}
