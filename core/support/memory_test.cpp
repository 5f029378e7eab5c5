#include "core/support/memory.hpp"

#include <fstream>

#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

namespace {

void write(const std::filesystem::path &file, const std::string &text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text << '\n';
}

}  // namespace

TEST_CASE("The least memory limit of all levels of a cgroup counts, in both versions") {
  const kvern::test::TemporaryFolder folder;
  const auto membership = folder / "cgroup", mounted = folder / "mounted";
  const auto limit = [&] { return kvern::cgroup_memory(membership, mounted); };
  CHECK(!limit());
  write(membership, "0::/pod/container");
  write(mounted / "memory.max", "max");
  CHECK(!limit());
  write(mounted / "pod/memory.max", "3000000");
  write(mounted / "pod/container/memory.max", "4000000");
  CHECK(limit() == 3000000);
  write(membership, "5:memory:/docker/abc\n2:cpu,cpuacct:/");
  write(mounted / "memory/memory.limit_in_bytes", "9223372036854771712");
  CHECK(limit() == 9223372036854771712);
  write(mounted / "memory/docker/abc/memory.limit_in_bytes", "2000000");
  CHECK(limit() == 2000000);
  write(mounted / "memory/docker/abc/memory.limit_in_bytes", "lots");
  CHECK(limit() == 9223372036854771712);
}

TEST_CASE("Usable memory is at least what a test needs and at most what an address can name") {
  CHECK(kvern::usable_memory() > (int64_t{16} << 20));
  CHECK(kvern::usable_memory() < (int64_t{1} << 48));
}
