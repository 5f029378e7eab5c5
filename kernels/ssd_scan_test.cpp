#include "kernels/ssd_scan.hpp"

#include "kernels/testing/recurrence.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

TEST_CASE("The recurrence of Mamba-2 equals the reference implementation, in groups and with limited steps") {
  many_times([](Random &random) {
    SsdScanCall call;
    call.groups = random.pick<int64_t>({1, 2});
    call.heads = call.groups * random.pick<int64_t>({1, 3});
    call.head_dim = random.pick<int64_t>({1, 8, 33, 64, 80});
    call.states = random.pick<int64_t>({1, 8, 128});
    RandomRows rows(random, call.heads * call.states * call.head_dim);
    const int64_t width = call.heads * call.head_dim, shared = call.groups * call.states;
    call.x_stride = width + random.integer(0, 3);
    call.dt_stride = call.heads + random.integer(0, 3);
    call.b_stride = call.c_stride = shared + random.integer(0, 3);
    Buffer x = random.elements(Dtype::f32, rows.count() * call.x_stride),
           dt = random.elements(Dtype::f32, rows.count() * call.dt_stride, random.pick({1.0f, 10.0f})),
           b = random.elements(Dtype::f32, rows.count() * call.b_stride),
           c = random.elements(Dtype::f32, rows.count() * call.c_stride),
           a = random.elements(Dtype::f32, call.heads), d = random.elements(Dtype::f32, call.heads),
           bias = random.elements(Dtype::f32, call.heads);
    for (int64_t i = 0; i < call.heads; ++i) a.set(i, -std::abs(a.at(i)));
    call.x = x.floats();
    call.dt = dt.floats();
    call.b = b.floats();
    call.c = c.floats();
    call.a = a.floats();
    call.d = d.floats();
    call.dt_bias = bias.floats();
    if (random.chance(0.3)) call.dt_min = 0.5f, call.dt_max = 1.0f;
    compare(call, rows, width, ssd_scan, ssd_scan_reference);
  });
}

TEST_CASE("A text through Mamba-2's recurrence in chunks gives what it gives at once") {
  Random random(5);
  constexpr int64_t kTokens = 23, kDim = 40, kStates = 16;
  Buffer x = random.elements(Dtype::f32, kTokens * kDim), dt = random.elements(Dtype::f32, kTokens),
         b = random.elements(Dtype::f32, kTokens * kStates),
         c = random.elements(Dtype::f32, kTokens * kStates);
  const float a = -0.7f, d = 0.5f, bias = 0.1f;
  require_chunks_equal_whole(kTokens, kDim, kStates * kDim,
                             [&](int64_t first, int64_t n, const float *state, float *new_state, float *out) {
                               const int64_t begin = 0;
                               SsdScanCall call;
                               call.tokens = {1, n, &begin, &n, state, new_state, false};
                               call.heads = call.groups = call.dt_stride = 1;
                               call.head_dim = call.x_stride = call.out_stride = kDim;
                               call.states = call.b_stride = call.c_stride = kStates;
                               call.x = x.floats() + first * kDim;
                               call.dt = dt.floats() + first;
                               call.b = b.floats() + first * kStates;
                               call.c = c.floats() + first * kStates;
                               call.a = &a;
                               call.d = &d;
                               call.dt_bias = &bias;
                               call.out = out;
                               ssd_scan(call, serial());
                             });
}
