// Caches on a simulated device, and the simulated device itself.
#include <kvern/sdk/state_tensor.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/conformance/check_rules.hpp"
#include "check/random_operations.hpp"

using namespace kvern::conformance;
namespace sdk = kvern::sdk;

namespace {

constexpr DLDataType kFloat{kDLFloat, 32, 1};

DLTensor vector_at(void *data, DLDevice device, int64_t *size) {
  return {data, device, 1, kFloat, size, nullptr, 0};
}

/// Whether a process that does this dies.
template <class Body>
bool dies(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);  // without a report of the test framework
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

}  // namespace

TEST_CASE("The CPU cannot touch memory of the simulated device, and work that is done can") {
  TestHost host(Schedule{1, 0});
  SimulatedDevice &device = *host.device();
  std::byte *memory = device.take(8, kDLCUDA);
  CHECK(dies([&] { memory[0] = std::byte{1}; }));
  CHECK(dies([&] { _exit(static_cast<int>(memory[0])); }));
  float given[2] = {1, 2}, got[2] = {0, 0};
  int64_t size = 2;
  kvern_error error{};
  DLTensor to = vector_at(memory, SimulatedDevice::kDevice, &size), back = vector_at(got, {kDLCPU, 0}, &size);
  const DLTensor from = vector_at(given, {kDLCPU, 0}, &size);
  const kvern_device_1 &table = *device.table();
  REQUIRE(table.copy(table.ctx, &from, &to, host.stream(), &error) == KVERN_OK);
  given[0] = 7;  // has been read
  REQUIRE(table.copy(table.ctx, &to, &back, host.stream(), &error) == KVERN_OK);
  CHECK((got[0] == 1 && got[1] == 2));
  CHECK(device.traffic().to_device == 8);
  CHECK(device.traffic().from_device == 8);
  device.give_back(memory);
  device.finish();
  REQUIRE(table.copy(table.ctx, &to, &back, host.stream(), &error) == KVERN_OK);
  CHECK(host.violations().size() == 1);
}

TEST_CASE("Pinned memory is read when the work is done, not when it is given") {
  TestHost host(Schedule{1, 0});
  SimulatedDevice &device = *host.device();
  auto *pinned = reinterpret_cast<float *>(device.take(4, kDLCUDAHost));
  float got = 0;
  int64_t size = 1;
  kvern_error error{};
  pinned[0] = 1;
  DLTensor on_device = vector_at(device.take(4, kDLCUDA), SimulatedDevice::kDevice, &size);
  DLTensor back = vector_at(&got, {kDLCPU, 0}, &size);
  const DLTensor from = vector_at(pinned, SimulatedDevice::kPinned, &size);
  const kvern_device_1 &table = *device.table();
  REQUIRE(table.copy(table.ctx, &from, &on_device, host.stream(), &error) == KVERN_OK);
  pinned[0] = 2;
  REQUIRE(table.copy(table.ctx, &on_device, &back, host.stream(), &error) == KVERN_OK);
  CHECK(got == 2);
}

TEST_CASE("Every cache that runs on a device does there what it does on the CPU, in every schedule") {
  const auto window = GENERATE(false, true);
  for (const std::string name : {"dynamic", "static", "sliding_window", "paged", "batching", "hybrid"}) {
    Subject subject = subject_of(name, {attention_layer(window ? 6 : 0), attention_layer(window ? 12 : 0)});
    if (name == "sliding_window" && !window) continue;
    subject.composite = name == "hybrid";
    subject.max_tokens = name == "static" ? 400 : name == "batching" ? 64 : 0;
    Done done;
    for (uint64_t seed = 0; seed < 12; ++seed) {
      for (const int eagerness : {0, 50, 100})
        CHECK_NOTHROW(random_operations_on_device(subject, {seed, eagerness}, 25, done));
    }
    CHECK(done["elements"] > 1000);
    for (const char *verb : {"gather", "truncate", "clone", "append", "save and load", "reset"}) {
      INFO(name << ": " << verb);
      CHECK(done[verb] > 0);
    }
  }
}

TEST_CASE("Recurrent states and an encoder's keys are on the device, too, beside keys in any other cache") {
  Subject states = subject_of("mamba", {state_layer(), attention_layer(), state_layer()});
  Subject halves = subject_of("encoder_decoder", {attention_layer(), layer_of_kind(KVERN_LAYER_CROSS)});
  Subject all = subject_of("hybrid", {state_layer(), attention_layer(6), attention_layer()});
  for (Subject *subject : {&states, &halves, &all}) {
    subject->composite = true;
    Done done;
    for (uint64_t seed = 0; seed < 10; ++seed) {
      for (const int eagerness : {0, 50, 100})
        CHECK_NOTHROW(random_operations_on_device(*subject, {seed, eagerness}, 25, done));
    }
    INFO(subject->name);
    CHECK(done["elements"] > 1000);
    CHECK(done["gather"] > 0);
    CHECK(done["save and load"] > 0);
    subject->device = true;
    check_rules(*subject);
  }
}

TEST_CASE("A cache that works on keys in the memory of the CPU refuses another device in one sentence") {
  FullHost host(Schedule{1, 50});
  const Subject subject = subject_of("quantized", {attention_layer()});
  kvern_cache *cache = nullptr;
  std::string message;
  CHECK(make_cache(subject, host, &cache, &message) == KVERN_UNSUPPORTED);
  CHECK_THAT(message, Catch::Contains("quantized") && Catch::Contains("CPU"));
}

TEST_CASE("Recurrent states are cleared and taken where they are") {
  TestHost host(Schedule{5, 0});
  const sdk::StreamScope scope(host.stream());
  const sdk::Host place(host.table(), host.place());
  const sdk::StateShape shape{kFloat, {3}};
  {
    sdk::StateTensor kept(place, 0, shape, 2, 0), fresh(place, 0, shape, 2, 2);
    kept.clear();
    DLTensor read, write;
    fresh.export_to(&write, true);
    kept.export_to(&read, false);
    float given[12], got[6];
    for (int i = 0; i < 12; ++i) given[i] = static_cast<float>(i);
    int64_t wide[3] = {2, 2, 3};
    const DLTensor from{given, {kDLCPU, 0}, 3, kFloat, wide, nullptr, 0};
    kvern_error error{};
    const kvern_device_1 &table = *host.device()->table();
    REQUIRE(table.copy(table.ctx, &from, &write, host.stream(), &error) == KVERN_OK);
    kept.take(1, fresh, 0);
    int64_t narrow[2] = {2, 3};
    DLTensor to{got, {kDLCPU, 0}, 2, kFloat, narrow, nullptr, 0};
    REQUIRE(table.copy(table.ctx, &read, &to, host.stream(), &error) == KVERN_OK);
    CHECK(std::vector<float>(got, got + 6) == std::vector<float>{0, 0, 0, 6, 7, 8});
  }
  CHECK(host.violations().empty());
}
