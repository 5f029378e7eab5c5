#include "core/support/processors.hpp"

#include <sched.h>

#include <fstream>
#include <thread>

#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::allowed_processors;
using kvern::quota_processors;

namespace {

/// A membership file and a folder of cgroups.
struct Cgroups {
  kvern::test::TemporaryFolder folder;
  std::filesystem::path membership = folder / "cgroup", mounted = folder / "mounted";

  void write(const std::filesystem::path &file, const std::string &text) const {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
  }
  std::optional<int> quota() const { return quota_processors(membership, mounted); }
};

}  // namespace

TEST_CASE("A quota of cgroups version 2 counts in processors, rounded up, the least of all levels") {
  Cgroups cgroups;
  cgroups.write(cgroups.membership, "0::/pod/container");
  CHECK(!cgroups.quota());
  cgroups.write(cgroups.mounted / "cpu.max", "max 100000");
  CHECK(!cgroups.quota());
  cgroups.write(cgroups.mounted / "pod/cpu.max", "400000 100000");
  CHECK(cgroups.quota() == 4);
  cgroups.write(cgroups.mounted / "pod/container/cpu.max", "150000 100000");
  CHECK(cgroups.quota() == 2);
  cgroups.write(cgroups.mounted / "pod/container/cpu.max", "5000 100000");
  CHECK(cgroups.quota() == 1);
}

TEST_CASE("A quota of cgroups version 1 counts where the controller cpu is mounted") {
  Cgroups cgroups;
  cgroups.write(cgroups.membership, "7:memory:/\n3:cpuset:/\n2:cpu,cpuacct:/docker/abc");
  cgroups.write(cgroups.mounted / "memory/cpu.cfs_quota_us", "1");
  cgroups.write(cgroups.mounted / "cpu,cpuacct/cpu.cfs_quota_us", "-1");
  cgroups.write(cgroups.mounted / "cpu,cpuacct/cpu.cfs_period_us", "100000");
  CHECK(!cgroups.quota());
  // in a container the top of what is mounted is its own cgroup
  cgroups.write(cgroups.mounted / "cpu,cpuacct/cpu.cfs_quota_us", "300000");
  CHECK(cgroups.quota() == 3);
  cgroups.write(cgroups.mounted / "cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "50000");
  cgroups.write(cgroups.mounted / "cpu,cpuacct/docker/abc/cpu.cfs_period_us", "50000");
  CHECK(cgroups.quota() == 1);
}

TEST_CASE("Files of cgroups that are absent or make no sense are no quota") {
  Cgroups cgroups;
  CHECK(!cgroups.quota());
  cgroups.write(cgroups.membership, "nonsense\n0::/\n:\n");
  for (const char *text : {"", "0 0", "-5 100000", "words", "100000"}) {
    cgroups.write(cgroups.mounted / "cpu.max", text);
    CHECK(!cgroups.quota());
  }
}

TEST_CASE("A process that may use one processor of many counts one") {
  cpu_set_t before, one;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  int processor = 0;
  while (!CPU_ISSET(processor, &before)) ++processor;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(allowed_processors() == 1);
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(allowed_processors() >= 1);
  CHECK(allowed_processors() <= CPU_COUNT(&before));
}
