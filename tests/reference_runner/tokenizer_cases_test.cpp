// The recorded encodings that come with the project, and those of every folder in KVERN_REFERENCE_DIRS.
#include "tests/reference_runner/tokenizer_cases.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/test.hpp"

namespace fs = std::filesystem;
using kvern::reference::ReplayResult;

namespace {

std::vector<fs::path> reference_dirs() {
  std::vector<fs::path> dirs;
  const char *list = std::getenv("KVERN_REFERENCE_DIRS");
  std::istringstream in(list ? list : "");
  for (std::string dir; std::getline(in, dir, ':');)
    if (!dir.empty()) dirs.emplace_back(dir);
  return dirs;
}

std::string report(const ReplayResult &result) {
  std::string text;
  for (size_t i = 0; i < result.failures.size() && i < 20; ++i) text += result.failures[i] + "\n";
  return text;
}

ReplayResult replay_folders(const fs::path &parent) {
  ReplayResult result;
  if (!fs::is_directory(parent)) return result;
  for (const auto &entry : fs::directory_iterator(parent))
    if (entry.is_directory()) result += kvern::reference::replay_tokenizer_folder(entry.path());
  return result;
}

ReplayResult replay_case_files(const fs::path &parent, const fs::path &models) {
  ReplayResult result;
  if (!fs::is_directory(parent)) return result;
  for (const auto &entry : fs::directory_iterator(parent))
    if (entry.path().extension() == ".json")
      result += kvern::reference::replay_tokenizer_case(entry.path(), models);
  return result;
}

}  // namespace

TEST_CASE("Every recorded line of the project's own tokenizers is reproduced") {
  const ReplayResult result =
      replay_folders(fs::path(std::getenv("KVERN_SOURCE_DIR")) / "tests/reference/tokenizers");
  INFO(report(result));
  CHECK(result.passed > 1000);
  CHECK(result.failed == 0);
}

TEST_CASE("Every recorded line of the folders in KVERN_REFERENCE_DIRS is reproduced") {
  ReplayResult result;
  for (const fs::path &dir : reference_dirs()) {
    result += replay_folders(dir / "tokenizers");
    result += replay_case_files(dir / "cases/tokenizer", dir / "models");
  }
  INFO(report(result));
  WARN(result.passed << " lines of KVERN_REFERENCE_DIRS passed");
  CHECK(result.failed == 0);
}

TEST_CASE("A recorded line that differs counts as one failure and names file, line and field") {
  const fs::path source = fs::path(std::getenv("KVERN_SOURCE_DIR")) / "tests/reference/tokenizers/word_level";
  const fs::path folder = fs::temp_directory_path() / "kvern_tokenizer_cases_test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  fs::copy_file(source / "tokenizer.json", folder / "tokenizer.json");
  std::ofstream(folder / "encode.jsonl") << R"({"text": "cat", "ids": [99]})"
                                         << "\n"
                                         << R"({"text": "cat"})"
                                         << "\n";
  const ReplayResult result = kvern::reference::replay_tokenizer_folder(folder);
  CHECK(result.passed == 1);
  REQUIRE(result.failed == 1);
  CHECK_THAT(result.failures[0], Catch::Contains("encode.jsonl:1: ids: expected [99], got ["));
  fs::remove_all(folder);
}
