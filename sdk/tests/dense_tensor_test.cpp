#include <kvern/sdk/dense_layer.hpp>

#include "check/test_host.hpp"
#include "tests/support/test.hpp"

using namespace kvern::sdk;
using kvern::conformance::TestHost;

namespace {

constexpr DLDataType kFloat{kDLFloat, 32, 1};

/// What a layer class is created with, on a test host.
struct LayerFixture {
  TestHost host;
  Create create{Host(host.table(), {kDLCPU, 0}), {}, Options({}, {}), kFloat, 0, 0, 0, nullptr, nullptr};
  Layer layer = [] {
    Layer made;
    made.kind = KVERN_LAYER_ATTENTION;
    made.kv_heads = 1;
    made.head_dim_k = made.head_dim_v = 2;
    return made;
  }();
  LayerCreate layer_create{create, 0, layer};
};

DLTensor tensor_of(std::vector<float> &data, std::array<int64_t, 4> &shape) {
  return {data.data(), {kDLCPU, 0}, 4, kFloat, shape.data(), nullptr, 0};
}

}  // namespace

TEST_CASE("A tensor that finds no memory keeps its extent, with used slots and without") {
  LayerFixture fixture;
  for (const Extent used : {Extent{1, 3}, Extent{}}) {
    DenseTensor tensor(fixture.layer_create, 2);
    tensor.resize({1, 4}, {});
    const int64_t bytes = tensor.bytes();
    fixture.host.fail_alloc(0);
    CHECK_THROWS_AS(tensor.resize({1, 8}, used), Failure);
    CHECK(tensor.bytes() == bytes);
    CHECK(tensor.allocated() == Extent{1, 4});
    tensor.resize({1, 8}, used);
    CHECK(tensor.allocated() == Extent{1, 8});
    tensor.resize({}, {});
    CHECK(tensor.bytes() == 0);
  }
}

TEST_CASE("A layer whose values find no memory keeps its keys as they were") {
  LayerFixture fixture;
  DenseLayer layer(fixture.layer_create);
  layer.resize({1, 2}, {});
  std::vector<float> numbers{1, 2, 3, 4};
  std::array<int64_t, 4> shape{1, 1, 2, 2};
  const DLTensor k = tensor_of(numbers, shape);
  layer.store(0, k, &k);
  const int64_t bytes = fixture.host.live_bytes();
  fixture.host.fail_alloc(1);
  CHECK_THROWS_AS(layer.resize({1, 4}, {1, 2}), Failure);
  CHECK(fixture.host.live_bytes() == bytes);
  CHECK(layer.allocated() == Extent{1, 2});
  OutTensor k_desc, v_desc;
  DLTensor out_k, out_v;
  layer.read({1, 2}, k_desc, &out_k, v_desc, &out_v);
  CHECK(std::memcmp(out_k.data, numbers.data(), sizeof(float) * 4) == 0);
  CHECK(std::memcmp(out_v.data, numbers.data(), sizeof(float) * 4) == 0);
}
