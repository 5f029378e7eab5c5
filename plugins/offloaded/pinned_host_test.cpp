// The host of offloaded buffers by itself, on a simulated device: which memory transfers use, and when.
#include <kvern/sdk/offload/pinned_host.hpp>

#include "check/rules.hpp"
#include "tests/support/test.hpp"

using namespace kvern::conformance;

namespace {

/// Buffers of one cache, as its layers make and map them.
class Buffers {
 public:
  explicit Buffers(FullHost &host)
      : scope_(host.device()->stream(SimulatedDevice::main)),
        pinned_(kvern::sdk::Host(host.table(), SimulatedDevice::kDevice)) {}
  ~Buffers() {
    for (kvern_buffer *buffer : made_) pinned_.table()->release(pinned_.table()->ctx, buffer);
  }

  kvern_buffer *add(int layer, int64_t elements) {
    const DLTensor prototype{nullptr, SimulatedDevice::kDevice, 1, {kDLFloat, 32, 1}, &elements, nullptr, 0};
    kvern_error error{sizeof error, 0, ""};
    REQUIRE(pinned_.table()->alloc(pinned_.table()->ctx, &prototype, layer, &made_.emplace_back(), &error) ==
            KVERN_OK);
    return made_.back();
  }
  void write(kvern_buffer *buffer) {
    const kvern_span all{0, 0, 0, buffer->tensor.shape[0]};
    void *address = nullptr;
    kvern_error error{sizeof error, 0, ""};
    REQUIRE(pinned_.table()->map(pinned_.table()->ctx, buffer, nullptr, &all, &address, &error) == KVERN_OK);
  }

 private:
  kvern::sdk::StreamScope scope_;
  kvern::sdk::PinnedHost pinned_;
  std::vector<kvern_buffer *> made_;
};

}  // namespace

TEST_CASE("A layer that is brought into new memory of the device waits until that memory is there") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    FullHost host(Schedule{seed, 0});
    {
      Buffers buffers(host);
      kvern_buffer *first = buffers.add(0, 8), *second = buffers.add(1, 16), *third = buffers.add(2, 16);
      for (kvern_buffer *buffer : {first, second, third, second})
        buffers.write(buffer);  // the first has left
      buffers.add(3, 8);        // new memory of its size, taken next
      buffers.write(first);     // is brought into it
    }
    host.device()->finish();
    for (const std::string &violation : host.violations()) FAIL_CHECK(violation);
  }
}
