#include "runtime/files/mapped_file.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::files::MappedFile;
namespace fs = std::filesystem;

namespace {

fs::path write(const fs::path &path, size_t size) {
  std::ofstream(path, std::ios::binary) << std::string(size, 'x');
  return path;
}

struct ChildEnd {
  int status;
  std::string err;
};

/// Runs `child` in a process of its own with standard error in a pipe.
template <class Child>
ChildEnd run_child(Child child) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGBUS, SIG_DFL);
    ::dup2(ends[1], STDERR_FILENO);
    child();
    ::_exit(0);
  }
  ::close(ends[1]);
  ChildEnd result{};
  char part[4096];
  for (ssize_t got; (got = ::read(ends[0], part, sizeof part)) > 0;)
    result.err.append(part, static_cast<size_t>(got));
  ::close(ends[0]);
  REQUIRE(::waitpid(pid, &result.status, 0) == pid);
  return result;
}

void read_last_byte(const MappedFile &file) {
  const volatile std::byte *data = file.data();
  [[maybe_unused]] const std::byte last = data[file.size() - 1];
}

}  // namespace

TEST_CASE("A mapped file has the file's bytes, an empty one none") {
  const kvern::test::TemporaryFolder folder;
  CHECK(MappedFile(write(folder / "full", 10000)).text() == std::string(10000, 'x'));
  CHECK(MappedFile(write(folder / "empty", 0)).size() == 0);
}

TEST_CASE("Reading a mapped file that was shortened ends with one line and the code of a model error") {
  const kvern::test::TemporaryFolder folder;
  const fs::path path = write(folder / "w.safetensors", 100'000);
  for (const size_t left : {size_t{0}, size_t{5000}}) {
    const ChildEnd end = run_child([&] {
      kvern::files::exit_on_lost_mapping("kvern");
      const MappedFile other(write(folder / "other", 100'000)), file(path);
      fs::resize_file(path, left);
      read_last_byte(other);
      read_last_byte(file);
    });
    CHECK(WIFEXITED(end.status));
    CHECK(WEXITSTATUS(end.status) == 4);
    CHECK(end.err ==
          "kvern: " + path.string() +
              ": the file was shortened while it was in use, or its disk failed; replace a file by renaming "
              "the new one over it\n");
    fs::resize_file(path, 100'000);
  }
}

TEST_CASE("A bus error outside of mapped files is left to the handler that was there") {
  const kvern::test::TemporaryFolder folder;
  const ChildEnd end = run_child([&] {
    kvern::files::exit_on_lost_mapping("kvern");
    const MappedFile file(write(folder / "f", 100));
    ::raise(SIGBUS);  // comes with no address
    ::raise(SIGBUS);
  });
  CHECK(WIFSIGNALED(end.status));
  CHECK(WTERMSIG(end.status) == SIGBUS);
  CHECK(end.err.empty());
}

TEST_CASE("A mapping that is gone is no longer the file's") {
  const kvern::test::TemporaryFolder folder;
  const fs::path path = write(folder / "f", 100'000);
  { const MappedFile file(path); }
  const ChildEnd end = run_child([&] {
    kvern::files::exit_on_lost_mapping("kvern");
    const MappedFile again(path);
    fs::resize_file(path, 0);
    read_last_byte(again);
  });
  CHECK(WEXITSTATUS(end.status) == 4);
}
