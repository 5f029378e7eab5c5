#include "runtime/support/scratch_file.hpp"

#include <filesystem>

#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

TEST_CASE("A scratch file is memory that has no name in its folder") {
  const test::TemporaryFolder folder;
  ScratchFile file(100000, folder.path().string());
  REQUIRE(file.size() == 100000);
  CHECK(file.data()[99999] == std::byte{0});
  file.data()[99999] = std::byte{7};
  ScratchFile moved = std::move(file);
  CHECK(moved.data()[99999] == std::byte{7});
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("A scratch file that the disk has no room for is refused with its size") {
  const test::TemporaryFolder folder;
  const auto message =
      test::error_text(ErrorKind::output, [&] { ScratchFile(size_t{1} << 55, folder.path().string()); });
  CHECK(message.find(std::to_string(size_t{1} << 55)) != std::string::npos);
  CHECK(test::error_text(ErrorKind::output, [] {
          ScratchFile(10, "/nowhere/at/all");
        }).starts_with("/nowhere/at/all: "));
}
