#include "kernels/experts.hpp"

#include <cmath>
#include <vector>

#include "kernels/route.hpp"
#include "kernels/test_support.hpp"
#include "kernels/weights/testing_matrix.hpp"
#include "tests/support/read_pages.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

/// A mixture of random weights, and rows that go to random experts.
struct Mixture {
  ExpertsCall call;
  std::vector<Buffer> gates, ups, downs, gate_biases, down_biases;
  std::vector<Expert> experts;
  Buffer x, out;
  std::vector<int32_t> ids;
  std::vector<float> weights;

  explicit Mixture(Random &random) {
    call.experts = random.pick<int64_t>({1, 3, 8});
    call.top_k = random.integer(1, call.experts);
    call.rows = random.pick<int64_t>({1, 2, 9, 300});
    call.dim = random.pick<int64_t>({5, 32, 70});
    call.width = random.pick<int64_t>({3, 24, 66});
    call.type = random.pick({Dtype::f32, Dtype::bf16, Dtype::f16});
    call.layout = random.chance(0.6) ? WeightLayout::n_k : WeightLayout::k_n;
    call.activation.activation =
        random.pick({Activation::silu, Activation::gelu, Activation::relu, Activation::relu2});
    if (random.chance(0.4)) {
      call.activation.clamp = 1.0f;
      call.activation.interleaved = random.chance(0.5);
    }
    call.accumulate = random.chance(0.5);
    make_weights(random, random.chance(0.5), random.chance(0.5));
    call.x_stride = call.out_stride = call.dim + random.integer(0, 2);
    x = random.elements(Dtype::f32, call.rows * call.x_stride);
    out = random.elements(Dtype::f32, call.rows * call.out_stride);
    call.x = x.floats();
    if (call.top_k > 1 || random.chance(0.5)) make_choices(random);
  }

  void make_weights(Random &random, bool joined, bool bias) {
    const int64_t size = call.width * call.dim;
    const bool both = joined || call.layout == WeightLayout::k_n;
    for (int64_t e = 0; e < call.experts; ++e) {
      gates.push_back(random.elements(call.type, both ? 2 * size : size, 0.3f));
      ups.push_back(random.elements(call.type, both ? 0 : size, 0.3f));
      downs.push_back(random.elements(call.type, size, 0.3f));
      gate_biases.push_back(random.elements(call.type, bias ? 2 * call.width : 0));
      down_biases.push_back(random.elements(call.type, bias ? call.dim : 0));
    }
    for (size_t e = 0; e < gates.size(); ++e) {
      experts.push_back({gates[e].data(), both ? element_at(gates[e].data(), call.type, size) : ups[e].data(),
                         downs[e].data(), bias ? gate_biases[e].data() : nullptr,
                         bias ? down_biases[e].data() : nullptr});
    }
    call.expert = experts.data();
  }

  void make_choices(Random &random) {
    RouteCall route;
    route.routing.experts = call.experts;
    route.routing.top_k = call.top_k;
    route.rows = call.rows;
    Buffer logits = random.elements(Dtype::f32, call.rows * call.experts, 2.0f);
    route.logits = logits.floats();
    route.logits_stride = call.experts;
    ids.resize(static_cast<size_t>(call.rows * call.top_k));
    weights.resize(ids.size());
    route.ids = ids.data();
    route.weights = weights.data();
    kvern::kernels::route(route, serial());
    call.ids = ids.data();
    call.weights = weights.data();
  }

  Buffer run(bool reference) {
    Buffer result = out;
    call.out = result.floats();
    if (reference) {
      experts_reference(call);
      return result;
    }
    std::vector<float> workspace(static_cast<size_t>(experts_workspace(call)));
    call.workspace = workspace.data();
    kvern::kernels::experts(call, test_threads());
    return result;
  }
};

}  // namespace

TEST_CASE("A mixture of experts equals the reference implementation") {
  for_each_capability([](const CpuCapability &capability) {
    Random random(5);
    for (int i = 0; i < 40; ++i) {
      Mixture mixture(random);
      const Buffer got = mixture.run(false), want = mixture.run(true);
      // a hidden element may round to the other neighbour in bf16
      const float tolerance = mixture.call.type == Dtype::bf16 ? 2e-2f : 1e-4f;
      INFO(capability.name << " case " << i);
      for (int64_t at = 0; at < got.size(); ++at)
        REQUIRE(std::abs(got.at(at) - want.at(at)) <= tolerance * (1.0f + std::abs(want.at(at))));
    }
  });
}

TEST_CASE("The inputs of each product of the experts are reported to an observer") {
  Random random(6);
  int checked = 0;
  for (int i = 0; i < 40; ++i) {
    Mixture mixture(random);
    Buffer from_hidden = mixture.out;
    int64_t reported = 0;
    const ExpertsObserver observer = [&](const ExpertInputs &in) {
      const ExpertsCall &c = mixture.call;
      if (c.ids == nullptr) {  // rows in order
        REQUIRE(std::equal(in.x, in.x + c.dim, c.x + reported * c.x_stride));
        MatmulCall down;
        down.m = in.rows, down.n = c.dim, down.k = c.width;
        down.x = in.hidden, down.x_stride = in.hidden_stride;
        down.w = in.expert->down, down.w_type = c.type, down.layout = c.layout;
        down.w_stride = c.layout == WeightLayout::n_k ? c.width : c.dim;
        down.bias = in.expert->down_bias, down.bias_type = c.type;
        down.y = from_hidden.floats() + reported * c.out_stride, down.y_stride = c.out_stride;
        down.accumulate = c.accumulate, down.round_x = true;
        matmul_reference(down);
      }
      reported += in.rows;
    };
    mixture.call.observer = &observer;
    const Buffer out = mixture.run(false);
    CHECK(reported == mixture.call.rows * mixture.call.top_k);
    if (mixture.call.ids != nullptr) continue;
    ++checked;
    for (int64_t at = 0; at < out.size(); ++at)
      REQUIRE(std::abs(out.at(at) - from_hidden.at(at)) <= 1e-3f * (1.0f + std::abs(out.at(at))));
  }
  CHECK(checked > 0);
}

TEST_CASE("A mixture of packed experts equals the reference implementation") {
  for_each_capability([](const CpuCapability &capability) {
    INFO(capability.name);
    Random random(9);
    for (const bool joined : {true, false}) {
      const int64_t dim = 64, width = 32, experts = 4, rows = 6;
      std::vector<RandomMatrix> kept;
      std::vector<Expert> table(static_cast<size_t>(experts));
      const auto matrix = [&](int64_t n, int64_t k) {
        kept.push_back(random_matrix(random, n, k, false));
        return &kept.back().matrix;
      };
      kept.reserve(3 * static_cast<size_t>(experts));
      for (Expert &expert : table) {
        expert.packed_gate = matrix(joined ? 2 * width : width, dim);
        if (!joined) expert.packed_up = matrix(width, dim);
        expert.packed_down = matrix(dim, width);
      }
      Buffer x = random.elements(Dtype::f32, rows * dim), got(Dtype::f32, rows * dim), want = got;
      std::vector<int32_t> ids;
      for (int32_t row = 0; row < rows; ++row) ids.insert(ids.end(), {row % 4, (row + 1) % 4});
      ExpertsCall call;
      call.rows = rows, call.dim = call.x_stride = call.out_stride = dim, call.width = width;
      call.experts = experts, call.top_k = 2, call.expert = table.data();
      call.x = x.floats(), call.ids = ids.data();
      std::vector<float> workspace(static_cast<size_t>(experts_workspace(call)));
      call.workspace = workspace.data();
      call.out = got.floats();
      kvern::kernels::experts(call, test_threads());
      call.out = want.floats();
      experts_reference(call);
      // a hidden element may round to the other code of 8 bits
      for (int64_t at = 0; at < got.size(); ++at) REQUIRE(std::abs(got.at(at) - want.at(at)) <= 2e-2f);
    }
  });
}

TEST_CASE("A row gives the same alone as among others") {
  Random random(6);
  for (int i = 0; i < 30; ++i) {
    Mixture mixture(random);
    if (mixture.call.rows > 8 || mixture.call.type == Dtype::bf16) continue;
    const Buffer all = mixture.run(false);
    mixture.call.x += (mixture.call.rows - 1) * mixture.call.x_stride;
    if (mixture.call.ids) {
      mixture.call.ids += (mixture.call.rows - 1) * mixture.call.top_k;
      mixture.call.weights += (mixture.call.rows - 1) * mixture.call.top_k;
    }
    const int64_t last = (mixture.call.rows - 1) * mixture.call.out_stride;
    for (int64_t d = 0; d < mixture.call.dim; ++d) mixture.out.set(d, mixture.out.at(last + d));
    mixture.call.rows = 1;
    const Buffer alone = mixture.run(false);
    for (int64_t d = 0; d < mixture.call.dim; ++d)
      REQUIRE(alone.at(d) == Approx(all.at(last + d)).margin(1e-5));
  }
}

TEST_CASE("Only the weights of experts that a row goes to are read") {
  const auto page = static_cast<int64_t>(kvern::test::ReadPages::page());
  Random random(7);
  const int64_t experts = 16, dim = 64, width = page / (64 * 4);  // each matrix is a page
  const Buffer all = random.elements(Dtype::f32, experts * 3 * width * dim, 0.1f);
  kvern::test::ReadPages pages(all.data(), all.bytes.size());
  std::vector<Expert> table;
  for (int64_t e = 0; e < experts; ++e) {
    const char *gate = static_cast<const char *>(pages.data()) + e * 3 * page;
    table.push_back({gate, gate + page, gate + 2 * page, nullptr, nullptr});
  }
  const std::vector<int32_t> ids = {1, 4, 9, 4, 9, 15};
  const std::vector<float> weights(ids.size(), 0.5f);
  Buffer x = random.elements(Dtype::f32, 2 * dim), out = random.elements(Dtype::f32, 2 * dim);
  ExpertsCall call;
  call.rows = 2, call.dim = call.x_stride = call.out_stride = dim, call.width = width;
  call.experts = experts, call.top_k = 3, call.expert = table.data();
  call.x = x.floats(), call.out = out.floats(), call.ids = ids.data(), call.weights = weights.data();
  std::vector<float> workspace(static_cast<size_t>(experts_workspace(call)));
  call.workspace = workspace.data();
  const std::size_t read = pages.bytes_read_by([&] { kvern::kernels::experts(call, serial()); });
  CHECK(read == static_cast<std::size_t>(4 * 3 * page));  // experts 1, 4, 9 and 15
}
