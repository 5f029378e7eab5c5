#include <kvern/sdk/export_memory.hpp>

#include "check/test_host.hpp"
#include "tests/support/test.hpp"

using namespace kvern::sdk;
using kvern::conformance::TestHost;

namespace {

constexpr int64_t kToken = int64_t{2} * (8 + 4) * 4;  // bytes

Layer layer() {
  Layer made;
  made.kind = KVERN_LAYER_ATTENTION;
  made.q_heads = made.kv_heads = 2, made.head_dim_k = 8, made.head_dim_v = 4;
  return made;
}

Create create_on(const TestHost &host) {
  return {Host(host.table(), {kDLCPU, 0}),
          {layer()},
          Options({}, {}),
          {kDLFloat, 32, 1},
          0,
          0,
          0,
          nullptr,
          nullptr};
}

}  // namespace

TEST_CASE("Where there is no memory for more tokens than a step has, there is memory for exactly those") {
  TestHost host;
  ExportMemory memory(create_on(host));
  host.set_budget(100 * kToken);
  CHECK_NOTHROW(memory.begin(100, true));
  CHECK(memory.bytes() == 100 * kToken);
  CHECK_THROWS_AS(memory.begin(101, true), Failure);
  CHECK(host.live_bytes() == memory.bytes());
}

TEST_CASE("Memory of an export is taken by the next step, and kept no longer than steps export") {
  TestHost host;
  ExportMemory memory(create_on(host));
  DLTensor k, v;
  memory.begin(10, false);
  CHECK(memory.bytes() == 0);
  memory.describe(layer(), 1, 10, &k, &v);
  CHECK((k.shape[3] == 8 && v.shape[3] == 4));
  memory.end();
  memory.begin(11, false);
  CHECK(memory.bytes() >= 11 * kToken);
  memory.end();
  CHECK(memory.bytes() == 0);
}

TEST_CASE("A step that does not begin leaves no memory of an export") {
  TestHost host;
  ExportMemory memory(create_on(host));
  memory.begin(10, true);
  memory.undo();
  CHECK(host.live_bytes() == 0);
}
