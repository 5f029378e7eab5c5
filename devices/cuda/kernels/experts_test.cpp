#include "devices/cuda/testing/orders.hpp"

using namespace kvern;
using namespace kvern::device::testing;
using kernels::GroupScore;
using kernels::WeightLayout;

namespace {

kernels::Routing random_routing(Random &random) {
  kernels::Routing r;
  r.groups = random.pick<int64_t>({1, 2, 4});
  r.experts = r.groups * random.pick<int64_t>({1, 3, 8, 40});
  r.group_score = random.pick({GroupScore::none, GroupScore::largest, GroupScore::two_largest});
  r.top_groups = random.integer(1, r.groups);
  const int64_t most = r.group_score == GroupScore::none ? r.experts : r.top_groups * (r.experts / r.groups);
  r.top_k = random.integer(1, most < 6 ? most : 6);
  r.score = random.pick({kernels::RouterScore::softmax, kernels::RouterScore::sigmoid});
  r.normalize = random.chance(0.5);
  r.scale = 1.5f;
  return r;
}

}  // namespace

TEST_CASE("Routing on a card chooses the experts of the reference implementation, with its weights") {
  many_shapes(20, [](Random &random) {
    kernels::RouteCall call;
    call.routing = random_routing(random);
    call.rows = random.integer(1, 4);
    call.logits_stride = call.routing.experts + random.integer(0, 3);
    call.bias_type = any_type(random);
    Buffer logits = random.elements(Dtype::f32, call.rows * call.logits_stride);
    const Buffer bias = random.elements(call.bias_type, call.routing.experts, 0.1f);
    call.logits = logits.floats();
    if (random.chance(0.5)) call.bias = bias.data();
    const int64_t n = call.rows * call.routing.top_k;
    std::vector<int32_t> expected_ids(static_cast<size_t>(n));
    Buffer expected(Dtype::f32, n);
    call.ids = expected_ids.data();
    call.weights = expected.floats();
    kernels::route_reference(call);
    in_every_order([&] {
      std::vector<int32_t> ids(static_cast<size_t>(n), -1);
      Buffer weights(Dtype::f32, n);
      call.ids = ids.data();
      call.weights = weights.floats();
      device::route(call, nullptr);
      CHECK(ids == expected_ids);
      require_close(weights, expected, 1e-5f, "weights");
    });
  });
}

TEST_CASE("A routing that contradicts itself is refused") {
  kernels::RouteCall call;
  call.routing.experts = 2;
  call.routing.top_k = 3;
  CHECK_THROWS_AS(device::route(call, nullptr), std::invalid_argument);
}

TEST_CASE("Experts on a card equal the reference implementation, in both layouts, clamped and with biases") {
  many_shapes(12, [](Random &random) {
    kernels::ExpertsCall call;
    call.rows = random.integer(1, 3);
    call.dim = random.pick<int64_t>({5, 33, 40});
    call.width = random.pick<int64_t>({3, 32, 37});
    call.experts = 3;
    call.top_k = random.integer(1, 3);
    call.type = any_type(random);
    call.layout = random.pick({WeightLayout::n_k, WeightLayout::k_n});
    if (random.chance(0.4)) call.activation.clamp = 1.0f, call.activation.interleaved = random.chance(0.5);
    call.x_stride = call.out_stride = call.dim + random.integer(0, 3);
    call.accumulate = random.chance(0.5);
    const int64_t matrix = call.width * call.dim;
    Buffer gate = random.elements(call.type, 3 * 2 * matrix, 0.3f),
           down = random.elements(call.type, 3 * matrix, 0.3f);
    Buffer gate_bias = random.elements(call.type, 3 * 2 * call.width),
           down_bias = random.elements(call.type, 3 * call.dim);
    std::vector<kernels::Expert> experts(3);
    const bool biased = random.chance(0.5);
    for (int64_t e = 0; e < 3; ++e) {
      kernels::Expert &expert = experts[static_cast<size_t>(e)];
      expert.gate = kernels::element_at(gate.data(), call.type, e * 2 * matrix);
      expert.up = kernels::element_at(gate.data(), call.type, (e * 2 + 1) * matrix);
      expert.down = kernels::element_at(down.data(), call.type, e * matrix);
      if (biased) expert.gate_bias = kernels::element_at(gate_bias.data(), call.type, e * 2 * call.width);
      if (biased) expert.down_bias = kernels::element_at(down_bias.data(), call.type, e * call.dim);
    }
    call.expert = experts.data();
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < call.rows * call.top_k; ++i)
      ids.push_back(static_cast<int32_t>((i / call.top_k + i % call.top_k) % 3));
    Buffer weights = random.elements(Dtype::f32, call.rows * call.top_k),
           x = random.elements(Dtype::f32, call.rows * call.x_stride);
    if (call.top_k > 1 || random.chance(0.5)) call.ids = ids.data(), call.weights = weights.floats();
    if (random.chance(0.3)) x.set(0, NAN);  // stays so where hidden values are clamped
    call.x = x.floats();
    const auto with = [&](Buffer &to) {
      kernels::ExpertsCall one = call;
      one.out = to.floats();
      return one;
    };
    const Buffer out = random.elements(Dtype::f32, call.rows * call.out_stride);
    require_equal_results(
        out, call.type == Dtype::bf16 ? 1e-2f : 1e-4f, "experts",
        [&](Buffer &to) { kernels::experts_reference(with(to)); },
        [&](Buffer &to) {
          Buffer workspace(Dtype::f32, device::expert_elements(call));
          fill(workspace, NAN);
          device::experts(with(to), workspace.floats(), nullptr);
        });
  });
}
