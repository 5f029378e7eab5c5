#include "kernels/selective_scan.hpp"

#include "kernels/testing/recurrence.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

Buffer negative(Random &random, int64_t n, float scale) {
  Buffer buffer = random.elements(Dtype::f32, n, scale);
  for (int64_t i = 0; i < n; ++i) buffer.set(i, -std::abs(buffer.at(i)));
  return buffer;
}

}  // namespace

TEST_CASE(
    "The selective scan equals the reference implementation, with and without a gate, at small and large "
    "steps") {
  many_times([](Random &random) {
    SelectiveScanCall call;
    call.channels = random.pick<int64_t>({1, 7, 16, 33, 150});
    call.states = random.pick<int64_t>({1, 5, 16, 64});
    RandomRows rows(random, call.states * call.channels);
    call.x_stride = call.dt_stride = call.gate_stride = call.channels + random.integer(0, 3);
    call.b_stride = call.c_stride = call.states + random.integer(0, 3);
    const int64_t size = rows.count() * call.x_stride, states = rows.count() * call.b_stride;
    const float dt_scale = random.pick({1.0f, 6.0f, 30.0f});
    Buffer x = random.elements(Dtype::f32, size), dt = random.elements(Dtype::f32, size, dt_scale),
           gate = random.elements(Dtype::f32, size, 3.0f), b = random.elements(Dtype::f32, states),
           c = random.elements(Dtype::f32, states), d = random.elements(Dtype::f32, call.channels),
           a = negative(random, call.states * call.channels, random.pick({0.1f, 1.0f, 8.0f}));
    call.x = x.floats();
    call.dt = dt.floats();
    call.b = b.floats();
    call.c = c.floats();
    call.a = a.floats();
    call.d = d.floats();
    if (random.chance(0.5)) call.gate = gate.floats();
    compare(call, rows, call.channels, selective_scan, selective_scan_reference, 3e-5f * dt_scale);
  });
}

TEST_CASE("A text scanned in chunks gives what it gives at once") {
  Random random(4);
  constexpr int64_t kTokens = 23, kChannels = 40, kStates = 16;
  Buffer x = random.elements(Dtype::f32, kTokens * kChannels),
         dt = random.elements(Dtype::f32, kTokens * kChannels),
         b = random.elements(Dtype::f32, kTokens * kStates),
         c = random.elements(Dtype::f32, kTokens * kStates), d = random.elements(Dtype::f32, kChannels),
         a = negative(random, kStates * kChannels, 1.0f);
  require_chunks_equal_whole(kTokens, kChannels, kStates * kChannels,
                             [&](int64_t first, int64_t n, const float *state, float *new_state, float *out) {
                               const int64_t begin = 0;
                               SelectiveScanCall call;
                               call.tokens = {1, n, &begin, &n, state, new_state, false};
                               call.channels = call.x_stride = call.dt_stride = call.out_stride = kChannels;
                               call.states = call.b_stride = call.c_stride = kStates;
                               call.x = x.floats() + first * kChannels;
                               call.dt = dt.floats() + first * kChannels;
                               call.b = b.floats() + first * kStates;
                               call.c = c.floats() + first * kStates;
                               call.a = a.floats();
                               call.d = d.floats();
                               call.out = out;
                               selective_scan(call, serial());
                             });
}
