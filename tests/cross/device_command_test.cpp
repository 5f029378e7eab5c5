// Programs on the emulated device: the ids are those of the CPU, whatever the order of streams, threads and blocks; what a device
// cannot do is refused by name.
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;

namespace {

std::vector<std::string> generate(const std::string &device, const std::vector<std::string> &more) {
  std::vector<std::string> command = {program("kvern"), "generate", "--prompt",         "Once upon a time",
                                      "--device",       device,     "--max-new-tokens", "6",
                                      "--dtype",        "float32"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

std::string refusal(const std::string &device, const std::vector<std::string> &more) {
  const auto ran = run(generate(device, more));
  CHECK(ran.code != 0);
  return ran.err;
}

}  // namespace

TEST_CASE(
    "A command prints the same text on the emulated device as on the CPU, with each cache that runs there") {
  for (const std::string cache : {"dynamic", "none", "static", "sink", "paged", "hybrid", "offloaded"}) {
    INFO(cache);
    const auto here = run(generate("cpu", {"--cache", cache})),
               there = run(generate("emulated", {"--cache", cache}));
    INFO(there.err);
    CHECK(there.code == 0);
    CHECK(there.out == here.out);
  }
}

TEST_CASE("What does not run on a device is refused by name") {
  CHECK_THAT(refusal("emulatd", {}),
             Catch::Contains("device 'emulatd': there is no such device; did you mean 'emulated'?"));
  CHECK_THAT(refusal("emulated", {"--cache", "quantized"}),
             Catch::Contains("cache 'quantized': ") && Catch::Contains("CPU"));
  CHECK_THAT(refusal("emulated", {"--check-cache", "true"}),
             Catch::Contains("check_cache: a cache on the device 'emulated'"));
  CHECK_THAT(refusal("emulated", {"--set", "weights.bits=8"}),
             Catch::Contains("packed weights are multiplied on the CPU only"));
}
