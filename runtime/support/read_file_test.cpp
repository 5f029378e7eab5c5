#include "runtime/support/read_file.hpp"

#include <sys/stat.h>

#include <fstream>

#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::read_file;

TEST_CASE("A file is read whole, or up to one byte more than asked for") {
  const kvern::test::TemporaryFolder folder;
  const std::string text(100000, 'x');
  std::ofstream(folder / "a") << text;
  CHECK(read_file(folder / "a", 1 << 20, true).text == text);
  CHECK(read_file(folder / "a", 1 << 20, true).problem.empty());
  CHECK(read_file(folder / "a", 1000, true).text.size() == 1001);
}

TEST_CASE("What cannot be read is a problem and never an empty text") {
  const kvern::test::TemporaryFolder folder;
  CHECK(read_file(folder / "none", 100, true).problem == "no such file");
  CHECK(read_file(folder.path(), 100, true).problem == "is a directory");
  CHECK(read_file("/proc/self/mem", 100, true).problem == "cannot be read: Input/output error");
  ::mkfifo((folder / "fifo").c_str(), 0600);
  CHECK(read_file(folder / "fifo", 100, true).problem == "is not a regular file");
  CHECK(read_file("/dev/zero", 100, true).problem == "is not a regular file");
  CHECK(read_file("/dev/zero", 100, false).text.size() == 101);
  std::filesystem::create_symlink("loop", folder / "loop");
  CHECK(read_file(folder / "loop", 100, true).problem == "cannot be read: Too many levels of symbolic links");
}
