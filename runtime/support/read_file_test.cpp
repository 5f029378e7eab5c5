#include "runtime/support/read_file.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

namespace fs = std::filesystem;
using kvern::ErrorKind;

namespace {

std::string refusal(const fs::path &path, size_t max_bytes = 100) {
  return kvern::test::error_text(ErrorKind::config,
                                 [&] { kvern::read_file(path, ErrorKind::config, max_bytes); });
}

void make_socket(const fs::path &path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(descriptor, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0);
  ::close(descriptor);
}

}  // namespace

TEST_CASE("A regular file is read whole, with every byte") {
  const kvern::test::TemporaryFolder folder;
  const std::string bytes("a\0\r\n\xff", 5), large(200'000, 'x');
  std::ofstream(folder / "small", std::ios::binary) << bytes;
  std::ofstream(folder / "large", std::ios::binary) << large;
  std::ofstream(folder / "empty");
  CHECK(kvern::read_file(folder / "small", ErrorKind::model) == bytes);
  CHECK(kvern::read_file(folder / "large", ErrorKind::model) == large);
  CHECK(kvern::read_file(folder / "empty", ErrorKind::model).empty());
  CHECK_FALSE(kvern::read_file("/proc/self/status", ErrorKind::model).empty());  // fstat reports 0 bytes
}

TEST_CASE("What is no regular file is refused by its kind, without waiting for a writer") {
  const kvern::test::TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  make_socket(folder / "socket");
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("fifo", folder / "link");
  CHECK_THAT(refusal(folder / "fifo"),
             Catch::Contains("fifo: is a FIFO (named pipe); a regular file is required"));
  CHECK_THAT(refusal(folder / "link"), Catch::Contains("link: is a FIFO"));
  CHECK_THAT(refusal(folder / "socket"), Catch::Contains("socket: is a socket"));
  CHECK_THAT(refusal(folder / "loop"), Catch::Contains("loop: is a link that leads to itself"));
  CHECK_THAT(refusal(folder.path()), Catch::Contains("is a directory; a regular file is required"));
  CHECK(refusal("/dev/zero") == "/dev/zero: is a device; a regular file is required");
  CHECK(refusal("/dev/null") == "/dev/null: is a device; a regular file is required");
}

TEST_CASE("An absent file, a link that leads nowhere and a read error are told apart") {
  const kvern::test::TemporaryFolder folder;
  fs::create_symlink("gone", folder / "link");
  fs::create_symlink("../../blobs/0123", folder / "blob");
  CHECK_THAT(refusal(folder / "none"), Catch::EndsWith("none: no such file"));
  CHECK_THAT(refusal(folder / "link"), Catch::EndsWith("link: is a link to 'gone', which does not exist"));
  CHECK_THAT(refusal(folder / "blob"),
             Catch::Contains("the download into the Hugging Face cache is incomplete"));
  CHECK(refusal("/proc/self/mem") == "/proc/self/mem: cannot be read: Input/output error");
  CHECK(kvern::is_present(folder / "link"));
  CHECK_FALSE(kvern::is_present(folder / "none"));
}

TEST_CASE("A file beyond the limit is refused before it is read") {
  const kvern::test::TemporaryFolder folder;
  std::ofstream(folder / "sparse");
  fs::resize_file(folder / "sparse", uintmax_t{1} << 40);
  CHECK_THAT(refusal(folder / "sparse"), Catch::EndsWith("sparse: is larger than 100 bytes"));
}

TEST_CASE("A pipe that the shell made is read where pipes are accepted, a FIFO never") {
  const kvern::test::TemporaryFolder folder;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::write(ends[1], "text", 4) == 4);
  ::close(ends[1]);
  const fs::path pipe = "/proc/self/fd/" + std::to_string(ends[0]);
  CHECK_THAT(refusal(pipe), Catch::Contains("is a FIFO"));
  CHECK(kvern::read_file(pipe, ErrorKind::input, 100, /*pipes=*/true) == "text");
  ::close(ends[0]);
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK_THROWS_AS(kvern::read_file(folder / "fifo", ErrorKind::input, 100, /*pipes=*/true), kvern::Error);
}
