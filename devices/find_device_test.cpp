#include "devices/find_device.hpp"

#include <kvern/error.hpp>

#include "devices/cpu/cpu_queue.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

std::string refusal(const std::string &name) {
  return test::error_text(ErrorKind::config, [&] { find_device(name); });
}

}  // namespace

TEST_CASE("The device cpu is the process's CPU queue") { CHECK(&find_device("cpu") == &cpu_queue()); }

TEST_CASE("A device is opened once, and its number is part of it") {
  Queue &first = find_device("emulated");
  CHECK(first.place().device_type == kDLCUDA);
  CHECK(&find_device("emulated:0") == &first);
  Queue &other = find_device("emulated:3");
  CHECK(&other != &first);
  CHECK(other.place().device_id == 3);
}

TEST_CASE("A device that is not there is refused with the nearest name") {
  CHECK(refusal("cudda") ==
        "device 'cudda': there is no such device; did you mean 'cuda'? Devices are: " +
            std::string(device_names().size() == 3 ? "cpu, cuda, emulated" : "cpu, emulated, cuda"));
  CHECK(refusal("cuda:x") == "device 'cuda:x': a number should follow the ':', as in 'cuda:0'");
  CHECK(refusal("emulated:-1") == "device 'emulated:-1': a number should follow the ':', as in 'emulated:0'");
  CHECK(refusal("cpu:1") == "device 'cpu:1': there is one CPU, whose name is 'cpu'");
}

TEST_CASE("Without a card the device cuda says what is missing") {
  const std::vector<std::string> names = device_names();
  const bool built = std::find(names.begin(), names.end(), "cuda") != names.end();
  try {
    find_device("cuda:99");
    FAIL("there are a hundred cards");
  } catch (const Error &e) {
    const std::string text = e.what();
    CHECK(text.starts_with("device 'cuda:99': "));
    const char *expected = built ? "card" : "kvern was built without a CUDA compiler";
    const bool found = text.find(expected) != text.npos || text.find("there is no CUDA driver") != text.npos;
    CHECK(found);
  }
}
