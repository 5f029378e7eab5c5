#include "runtime/files/model_folder.hpp"

#include <fstream>

#include "runtime/files/generation_config.hpp"
#include "runtime/files/model_config.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::files::ModelConfig;
using kvern::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

void write_text(const fs::path &path, const std::string &text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string refusal(const fs::path &folder) {
  return kvern::test::error_text(kvern::ErrorKind::model, [&] { ModelConfig::read(folder); });
}

}  // namespace

TEST_CASE("A folder of the Hugging Face cache is answered with its snapshot") {
  const TemporaryFolder folder;
  const fs::path repository = folder / "models--org--name", snapshots = repository / "snapshots";
  fs::create_directories(snapshots);
  CHECK_THAT(refusal(repository), Catch::EndsWith("without a complete snapshot; download the model again"));
  write_text(snapshots / "aaa" / "config.json", "{}");
  write_text(snapshots / "bbb" / "config.json", "{}");
  const std::string text = ": is a folder of the Hugging Face cache, not a model; give its snapshot: ";
  CHECK(refusal(repository) == repository.string() + text + (snapshots / "bbb").string());
  write_text(repository / "refs" / "main", "aaa\n");
  CHECK(refusal(repository) == repository.string() + text + (snapshots / "aaa").string());
  CHECK(refusal(snapshots) == snapshots.string() + text + (snapshots / "aaa").string());
  CHECK(refusal(snapshots / "") == (snapshots / "").string() + text + (snapshots / "aaa").string());
}

TEST_CASE("A folder around a model is answered with the model's") {
  const TemporaryFolder folder;
  write_text(folder / "llama" / "config.json", "{}");
  CHECK(refusal(folder.path()) ==
        folder.path().string() +
            ": has no config.json, but a folder in it has; give that: " + (folder / "llama").string());
}

TEST_CASE("A folder without config.json but with weights of another format says which") {
  const TemporaryFolder folder;
  write_text(folder / "m.Q4_K_M.gguf", "GGUF");
  CHECK_THAT(refusal(folder.path()),
             Catch::Contains("has no model.safetensors but m.Q4_K_M.gguf: a GGUF file"));
}

TEST_CASE("A link to a blob that is not there names the blob, for each file") {
  for (const char *file : {"config.json", "generation_config.json"}) {
    const TemporaryFolder folder;
    write_text(folder / "config.json", R"({"model_type":"llama"})");
    fs::remove(folder / file);
    fs::create_symlink("../../blobs/0123", folder / file);
    const std::string text = kvern::test::error_text(kvern::ErrorKind::model, [&] {
      kvern::files::read_generation_config(folder.path(), ModelConfig::read(folder.path()), {});
    });
    CHECK(text == (folder / file).string() +
                      ": is a link to '../../blobs/0123', which does not exist; the download into "
                      "the Hugging Face cache is incomplete, repeat it");
  }
}
