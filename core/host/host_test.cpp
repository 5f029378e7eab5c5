#include "tests/support/test.hpp"

#include <kvern/host.hpp>

#include <cstdint>
#include <cstring>
#include <vector>

using namespace kvern;

/// The address sanitizer shall answer an impossible allocation as the system does: with NULL.
extern "C" __attribute__((visibility("default"))) const char *__asan_default_options() {
  return "allocator_may_return_null=1";
}

namespace {

/// One call of alloc, with its result.
struct Allocation {
  const kvern_host &table;
  kvern_error error{};
  kvern_buffer *buffer = nullptr;
  kvern_status status;

  Allocation(const Host &host, std::vector<int64_t> shape, DLDataType dtype = {kDLFloat, 32, 1},
             DLDevice device = {kDLCPU, 0})
      : table(*host.table()) {
    error.struct_size = sizeof error;
    const DLTensor prototype = {nullptr, device, static_cast<int32_t>(shape.size()), dtype, shape.data(),
                                nullptr, 0};
    status = table.alloc(table.ctx, &prototype, -1, &buffer, &error);
  }
  ~Allocation() { release(); }
  void release() {
    table.release(table.ctx, buffer);
    buffer = nullptr;
  }
  void *map(const kvern_span *reads = nullptr, const kvern_span *writes = nullptr) {
    void *address = nullptr;
    status = table.map(table.ctx, buffer, reads, writes, &address, &error);
    return address;
  }
};

}  // namespace

TEST_CASE("A buffer has the shape asked for, contiguous strides and an aligned address") {
  const Host host;
  Allocation made(host, {2, 3, 5}, {kDLBfloat, 16, 1});
  REQUIRE(made.status == KVERN_OK);
  const DLTensor &t = made.buffer->tensor;
  CHECK(std::vector<int64_t>(t.shape, t.shape + t.ndim) == std::vector<int64_t>{2, 3, 5});
  CHECK(std::vector<int64_t>(t.strides, t.strides + t.ndim) == std::vector<int64_t>{15, 5, 1});
  CHECK(t.dtype.code == kDLBfloat);
  void *address = made.map();
  REQUIRE(address != nullptr);
  CHECK(reinterpret_cast<uintptr_t>(address) % 64 == 0);
  std::memset(address, 1, 60);
  CHECK(host.memory().live == 60);
  CHECK(host.memory().buffers == 1);
}

TEST_CASE("Bytes are counted up and down, and the peak stays") {
  const Host host;
  Allocation a(host, {100}), b(host, {50});
  a.release();
  CHECK(host.memory().live == 200);
  CHECK(host.memory().peak == 600);
  b.release();
  CHECK(host.memory().live == 0);
  CHECK(host.memory().buffers == 0);
}

TEST_CASE("Beyond the memory budget alloc says how much there was, is held and was asked for") {
  HostOptions options;
  options.memory_budget = 1000;
  const Host host(options);
  Allocation fits(host, {200});
  CHECK(fits.status == KVERN_OK);
  Allocation too_much(host, {2, 30}, {kDLInt, 32, 1});
  CHECK(too_much.status == KVERN_OUT_OF_MEMORY);
  CHECK(too_much.buffer == nullptr);
  CHECK(too_much.error.code == KVERN_OUT_OF_MEMORY);
  CHECK(std::string(too_much.error.message) ==
        "the memory budget of 1000 bytes has no room for 240 bytes more ([2, 30] int32): caches hold 800 "
        "bytes");
  fits.release();
  CHECK(Allocation(host, {250}).status == KVERN_OK);
  CHECK(host.memory().peak == 1000);
}

TEST_CASE("A shape that no memory could hold is an invalid argument, never a small buffer") {
  const Host host;
  const int64_t huge = int64_t{1} << 40;
  CHECK(Allocation(host, {huge, huge}).status == KVERN_INVALID_ARGUMENT);
  CHECK(Allocation(host, {-1, 4}).status == KVERN_INVALID_ARGUMENT);
  CHECK(Allocation(host, {-1, 0}).status == KVERN_INVALID_ARGUMENT);
  CHECK(Allocation(host, {INT64_MAX}).status == KVERN_INVALID_ARGUMENT);
  CHECK(Allocation(host, {4}, {kDLFloat, 0, 1}).status == KVERN_INVALID_ARGUMENT);
  CHECK(Allocation(host, std::vector<int64_t>(33, 1)).status == KVERN_INVALID_ARGUMENT);
  const Allocation named(host, {huge, huge});
  CHECK(std::string(named.error.message) == "no memory could hold [1099511627776, 1099511627776] float32");
  CHECK(host.memory().peak == 0);
}

TEST_CASE("Memory that the system does not have is out of memory, and is not counted") {
  const Host host;
  const Allocation made(host, {int64_t{1} << 58}, {kDLInt, 8, 1});
  CHECK(made.status == KVERN_OUT_OF_MEMORY);
  CHECK(std::string(made.error.message) ==
        "the system has no memory for 256.0 PiB ([288230376151711744] int8)");
  CHECK(host.memory().live == 0);
}

TEST_CASE("An empty shape is an empty buffer, and bits are rounded up to bytes") {
  const Host host;
  Allocation empty(host, {3, 0, INT64_MAX});
  CHECK(empty.status == KVERN_OK);
  CHECK(empty.map() != nullptr);
  CHECK(host.memory().live == 0);
  Allocation nibbles(host, {5}, {kDLUInt, 4, 1});
  CHECK(host.memory().live == 3);
  CHECK(Allocation(host, {}).status == KVERN_OK);
}

TEST_CASE("Memory of a device is refused by a host that has none") {
  const Host host;
  const Allocation made(host, {4}, {kDLFloat, 32, 1}, {kDLCUDA, 0});
  CHECK(made.status == KVERN_INVALID_ARGUMENT);
  CHECK(std::string(made.error.message) == "this host has memory on the CPU only, not on device type 2");
}

TEST_CASE("map refuses a slice outside of the buffer") {
  const Host host;
  Allocation made(host, {2, 8});
  const kvern_span good{1, 0, 3, 8}, beyond{1, 0, 3, 9}, backwards{1, 0, 5, 4}, no_axis{2, 0, 0, 1};
  CHECK(made.map(&good, &good) == made.buffer->tensor.data);
  for (const kvern_span &bad : {beyond, backwards, no_axis}) {
    CHECK(made.map(nullptr, &bad) == nullptr);
    CHECK(made.status == KVERN_INVALID_ARGUMENT);
  }
  made.map(&beyond);
  CHECK(std::string(made.error.message) == "map of [3, 9) on axis 1 is outside of the buffer [2, 8] float32");
}

TEST_CASE("Lines of the log reach the program, and a log that throws is survived") {
  std::vector<std::pair<int, std::string>> lines;
  HostOptions options;
  options.log = [&](int level, const std::string &line) {
    lines.emplace_back(level, line);
    throw 1;
  };
  const Host host(options);
  host.table()->log(host.table()->ctx, KVERN_LOG_INFO, "the scales are odd");
  host.table()->log(host.table()->ctx, KVERN_LOG_ERROR, nullptr);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == std::pair<int, std::string>(KVERN_LOG_INFO, "the scales are odd"));
  CHECK(lines[1].second.empty());
}

TEST_CASE("Buffers that are still held when the host goes are reported") {
  std::string said;
  kvern_buffer *held = nullptr;
  HostOptions options;
  options.log = [&](int, const std::string &line) { said = line; };
  {
    const Host host(options);
    Allocation kept(host, {8});
    held = std::exchange(kept.buffer, nullptr);
  }
  CHECK(said == "caches never released 1 buffers, 32 bytes");
  std::free(held->tensor.data);  // the host is gone: what it would do
  std::free(held);
}

TEST_CASE("An extension is found under its id until it is withdrawn") {
  Host host;
  const int table = 1;
  const auto get = [&](const char *id) { return host.table()->get_extension(host.table()->ctx, id); };
  CHECK(get("kvern.rope/1") == nullptr);
  host.offer("kvern.rope/1", &table);
  CHECK(get("kvern.rope/1") == &table);
  CHECK(get("kvern.rope/2") == nullptr);
  CHECK(get(nullptr) == nullptr);
  host.offer("kvern.rope/1", nullptr);
  CHECK(get("kvern.rope/1") == nullptr);
}
