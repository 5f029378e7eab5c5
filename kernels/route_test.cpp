#include "kernels/route.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

struct Routed {
  std::vector<int32_t> ids;
  std::vector<float> weights;
};

Routed run(RouteCall call, bool reference) {
  Routed out;
  out.ids.resize(static_cast<size_t>(call.rows * call.routing.top_k), -1);
  out.weights.resize(out.ids.size());
  call.ids = out.ids.data();
  call.weights = out.weights.data();
  reference ? route_reference(call) : route(call, test_threads());
  return out;
}

Routed of(Routing routing, std::vector<float> logits, std::vector<float> bias = {}) {
  RouteCall call;
  call.routing = routing;
  call.rows = 1;
  call.logits = logits.data();
  call.logits_stride = routing.experts;
  if (!bias.empty()) call.bias = bias.data();
  return run(call, false);
}

Routing random_routing(Random &random) {
  Routing r;
  r.groups = random.pick<int64_t>({1, 2, 4, 8});
  r.experts = r.groups * random.pick<int64_t>({1, 2, 3, 8});
  r.score = random.chance(0.5) ? RouterScore::softmax : RouterScore::sigmoid;
  r.normalize = random.chance(0.5);
  r.scale = random.chance(0.5) ? 1.0f : 2.5f;
  r.group_score = random.pick({GroupScore::none, GroupScore::largest, GroupScore::two_largest});
  r.top_groups = random.integer(1, r.groups);
  const int64_t most = r.group_score == GroupScore::none ? r.experts : r.top_groups * r.experts / r.groups;
  r.top_k = random.integer(1, most);
  return r;
}

}  // namespace

TEST_CASE("Routing equals the reference implementation") {
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    RouteCall call;
    call.routing = random_routing(random);
    call.rows = random.pick<int64_t>({1, 5, 150});
    call.logits_stride = call.routing.experts + random.integer(0, 2);
    call.bias_type = random.pick({Dtype::f32, Dtype::bf16});
    Buffer logits = random.elements(Dtype::f32, call.rows * call.logits_stride);
    const Buffer bias = random.elements(call.bias_type, call.routing.experts, 0.2f);
    call.logits = logits.floats();
    if (random.chance(0.5)) call.bias = bias.data();
    const Routed got = run(call, false), want = run(call, true);
    REQUIRE(got.ids == want.ids);
    for (size_t at = 0; at < got.weights.size(); ++at)
      REQUIRE(std::abs(got.weights[at] - want.weights[at]) < 1e-5f * (1.0f + std::abs(want.weights[at])));
  }
}

TEST_CASE("Of equal experts the first are chosen, and ids ascend") {
  Routing r;
  r.experts = 4;
  r.top_k = 2;
  CHECK(of(r, {1, 1, 1, 1}).ids == std::vector<int32_t>{0, 1});
  CHECK(of(r, {0, 2, 0, 3}).ids == std::vector<int32_t>{1, 3});
}

TEST_CASE("The bias decides the choice and not the weights") {
  Routing r;
  r.experts = 3;
  r.top_k = 1;
  r.score = RouterScore::sigmoid;
  const Routed got = of(r, {2, 1, 0}, {0, 0, 5});
  CHECK(got.ids == std::vector<int32_t>{2});
  CHECK(got.weights[0] == Approx(0.5f));
}

TEST_CASE("Experts of groups that are not among the best are not chosen") {
  Routing r;
  r.experts = 4;
  r.groups = 2;
  r.top_groups = 1;
  r.top_k = 2;
  r.group_score = GroupScore::largest;
  CHECK(of(r, {5, -9, 4.8f, 4.8f}).ids == std::vector<int32_t>{0, 1});
  r.group_score = GroupScore::two_largest;
  CHECK(of(r, {5, -9, 4.8f, 4.8f}).ids == std::vector<int32_t>{2, 3});
}

TEST_CASE("A routing that contradicts itself is refused") {
  Routing r;
  r.experts = 4;
  r.top_k = 5;
  CHECK_THROWS_AS(of(r, {0, 0, 0, 0}), std::invalid_argument);
  r.top_k = 3;
  r.groups = 2;
  r.group_score = GroupScore::largest;
  CHECK_THROWS_AS(of(r, {0, 0, 0, 0}), std::invalid_argument);
}
