#include "kernels/sigmoid_gate.hpp"

#include "kernels/testing/recurrence.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

TEST_CASE("A sigmoid gate equals the reference implementation, also where the gate is far from 0") {
  many_times([](Random &random) {
    SigmoidGateCall call;
    call.rows = random.pick<int64_t>({1, 3, 200});
    call.dim = random.pick<int64_t>({1, 8, 33, 100});
    call.x_stride = call.dim + random.integer(0, 3);
    call.gate_stride = call.dim + random.integer(0, 3);
    Buffer x = random.elements(Dtype::f32, call.rows * call.x_stride), expected = x,
           gate = random.elements(Dtype::f32, call.rows * call.gate_stride, random.pick({1.0f, 60.0f}));
    call.gate = gate.floats();
    call.x = expected.floats();
    sigmoid_gate_reference(call);
    call.x = x.floats();
    sigmoid_gate(call, test_threads());
    require_close(x, expected, "gated");
  });
}
