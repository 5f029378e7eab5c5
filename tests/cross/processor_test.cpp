// Threads and instruction sets, as a user of the programs gets them.
#include <sched.h>

#include <chrono>
#include <string>

#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Catch::Contains;

namespace {

std::vector<std::string> generate(const std::vector<std::string> &more) {
  std::vector<std::string> command = {program("kvern"), "generate",         "--prompt",
                                      "Once",           "--max-new-tokens", "5"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

#if !defined(__SANITIZE_ADDRESS__)
/// kvern with an address space of so many KiB; 124 if it takes more than 30 s.
Ran with_address_space(int kilobytes, const std::string &arguments) {
  return run({"bash", "-c",
              "ulimit -c 0; ulimit -v " + std::to_string(kilobytes) + "; exec timeout 30 " +
                  program("kvern") + " " + arguments});
}
#endif

}  // namespace

TEST_CASE("A process that may use one processor computes with one thread") {
  cpu_set_t allowed;
  REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  int processor = 0;
  while (!CPU_ISSET(processor, &allowed)) ++processor;
  auto command = generate({"--output", "json"});
  command.insert(command.begin(), {"taskset", "-c", std::to_string(processor)});
  const Ran ran = run(command);
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, Contains("\"threads\": 1"));
  CHECK_THAT(ran.err, !Contains("warning"));
}

TEST_CASE("A number of threads that no machine has is refused with what would be right") {
  for (const char *threads : {"1025", "4294967296", "1099511627776", "9223372036854775807"}) {
    const Ran ran = run(generate({"--threads", threads}));
    CHECK(ran.code == 3);
    CHECK_THAT(ran.err, Contains("threads") && Contains(threads) && Contains("1024"));
    CHECK(ran.out.empty());
  }
}

TEST_CASE("More threads than processors: a warning, the same text, and no minute of spinning") {
  const Ran one = run(generate({"--threads", "1"}));
  const auto begin = std::chrono::steady_clock::now();
  const Ran many = run(generate({"--threads", "1000"}));
  CHECK(many.code == 0);
  CHECK(many.out == one.out);
  CHECK_THAT(many.err, Contains("warning: 1000 threads share"));
  CHECK(seconds_since(begin) < 60);
}

TEST_CASE("A KVERN_CPU that is none is refused with the nearest name, before a model is read") {
  const Ran ran = run(generate({"--model", "/no/such/folder"}), "", {"KVERN_CPU=avx21"});
  CHECK(ran.code == 3);
  CHECK_THAT(ran.err, Contains("environment variable KVERN_CPU") && Contains("'avx21'") &&
                          Contains("did you mean 'avx2'"));
}

#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("Where the address space is too small for threads or weights, kvern ends soon, with 0 or 7") {
  int kilobytes = 200000;
  while (with_address_space(kilobytes, "--version").code != 0) {
    kilobytes += 8000;
    REQUIRE(kilobytes < 4000000);
  }
  for (int more = 0; more <= 96000; more += 8000) {
    const Ran ran =
        with_address_space(kilobytes + more, "generate --threads 4 --prompt Once --max-new-tokens 5");
    INFO(kilobytes + more << " KiB: " << ran.err);
    CHECK((ran.code == 0 || ran.code == 7));
  }
}
#endif
