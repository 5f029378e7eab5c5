// Rules of caches that run on a device, on a simulated one. A rule passes where a cache does not claim to.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/conformance/random_operations.hpp"
#include "tests/conformance/rules.hpp"

namespace kvern::conformance {
namespace {

void expect_steps(CacheHarness &harness, int count) {
  for (int i = 0; i < count; ++i) {
    expect(harness.step(1) == Outcome::done, std::string("the cache cannot go on: ") + harness.error.message);
  }
}

/// Every verb that the cache offers, growth included.
void use_all_verbs(const Subject &subject, TestHost &host) {
  CacheHarness harness(subject, host, 31), other(subject, host, 32);
  feed_tokens(harness);
  expect_steps(harness, 3);
  if (harness.ops().save && harness.ops().load) {
    expect(other.load(harness.save()) == KVERN_OK, std::string("load: ") + other.error.message);
    other.rows = harness.rows;
  } else {
    feed_tokens(other);
  }
  expect_steps(other, 1);
  if (harness.ops().gather)
    expect(harness.gather({1, 0}) == KVERN_OK, std::string("gather: ") + harness.error.message);
  if (harness.ops().append && subject.ragged) harness.append(other);
  expect_steps(harness, 2);
  if (harness.ops().truncate && harness.info().rollback != 0) {
    std::vector<int64_t> row_pos;
    for (const Row &row : harness.rows) row_pos.push_back(row.next() - 1);
    expect(harness.truncate(row_pos) == KVERN_OK, std::string("truncate: ") + harness.error.message);
  }
  if (harness.ops().clone) {
    const auto copy = harness.clone();
    expect(copy != nullptr, "clone finds no memory");
    expect_steps(*copy, 2);
    copy->settle();
  }
  expect_steps(harness, 2);
  harness.settle();
  harness.reset();
  feed_tokens(harness, 4);
}

void device_memory_is_not_touched_by_the_cpu(const Subject &subject) {
  if (!subject.device) return;
  const pid_t child = fork();
  if (child == 0) {  // the pages are closed: what touches them dies
    std::signal(SIGSEGV, SIG_DFL);
    FullHost host(Schedule{1, 0});
    use_all_verbs(subject, host);
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
