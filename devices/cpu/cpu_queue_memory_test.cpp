#include "devices/cpu/cpu_queue.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "tests/support/test.hpp"

using namespace kvern;

namespace {

bool is_mapped(std::uintptr_t address) {
  const auto page = static_cast<std::uintptr_t>(::getpagesize());
  unsigned char resident = 0;
  return ::mincore(reinterpret_cast<void *>(address / page * page), page, &resident) == 0 || errno != ENOMEM;
}

}  // namespace

TEST_CASE("A step's large memory is the system's again when it is freed") {
  DeviceMemory kept;
  {
    DeviceMemory memory = cpu_queue().take(2048000);
    REQUIRE(memory.bytes() == 2048000);
    std::memset(memory.data(), 3, memory.bytes());
    kept = std::move(memory);
  }
  const auto first = reinterpret_cast<std::uintptr_t>(kept.data());
  CHECK(first % 64 == 0);
  CHECK(static_cast<unsigned char *>(kept.data())[2047999] == 3);
  CHECK(is_mapped(first));
  kept = DeviceMemory();
  CHECK(!is_mapped(first));
}

TEST_CASE("A step's small memory is aligned, and none at all is no error") {
  const DeviceMemory memory = cpu_queue().take(420);
  CHECK(reinterpret_cast<std::uintptr_t>(memory.data()) % 64 == 0);
  CHECK(memory.bytes() == 420);
  CHECK(cpu_queue().take(0).bytes() == 0);
}
