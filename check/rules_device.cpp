// Rules of caches that run on a device, on a simulated one. A rule passes where a cache does not claim to.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "check/random_operations.hpp"
#include "check/rules.hpp"

namespace kvern::conformance {
namespace {

void device_memory_is_not_touched_by_the_cpu(const Subject &subject) {
  if (!subject.device) return;
  const pid_t child = fork();
  if (child == 0) {  // the pages are closed: what touches them dies
    std::signal(SIGSEGV, SIG_DFL);
    FullHost host(Schedule{1, 0});
    check_all_verbs(subject, host, "none");
    _exit(0);
  }
  int status = 0;
  expect(child > 0 && waitpid(child, &status, 0) == child, "no process for the test");
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 0,
         "the cache touches memory of the device on the CPU, or throws");
}

void every_schedule_gives_the_same_numbers(const Subject &subject) {
  if (!subject.device) return;
  Done done;
  for (uint64_t seed = 60; seed < 64; ++seed) {
    for (const int eagerness : {0, 50, 90}) random_operations_on_device(subject, {seed, eagerness}, 25, done);
  }
  expect(done["elements"] > 0, "nothing was compared");
}

void what_is_given_back_is_not_used(const Subject &subject) {
  if (!subject.device) return;
  for (const int eagerness : {0, 100}) {
    FullHost host(Schedule{2, eagerness});
    use_all_verbs(subject, host);
    host.device()->finish();
    for (const std::string &violation : host.violations()) violated(violation);
    expect(host.live_buffers() == 0, "destroy leaves buffers");
  }
}

void bytes_are_counted_by_place(const Subject &subject) {
  if (!subject.device) return;
  FullHost host(Schedule{3, 50});
  CacheHarness harness(subject, host, 33);
  feed_tokens(harness);
  const kvern_info info = harness.info();
  const int64_t pinned = host.live_host_bytes(), on_device = host.live_bytes() - pinned;
  expect(info.bytes_device == on_device, "info counts " + std::to_string(info.bytes_device) +
                                             " bytes on the device, the host " + std::to_string(on_device));
  expect(info.bytes_host == pinned, "info counts " + std::to_string(info.bytes_host) +
                                        " bytes of host memory, the host " + std::to_string(pinned));
}

}  // namespace

const std::vector<Rule> device_rules{
    {"8.1", "the CPU does not touch memory of the device", device_memory_is_not_touched_by_the_cpu},
    {"8.2", "every schedule of the streams gives the same numbers", every_schedule_gives_the_same_numbers},
    {"8.3", "nothing that was given back is used", what_is_given_back_is_not_used},
    {"8.4", "bytes are counted by place", bytes_are_counted_by_place},
};

}  // namespace kvern::conformance
