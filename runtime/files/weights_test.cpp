#include "runtime/files/weights.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "runtime/files/model_folder.hpp"
#include "runtime/files/write_safetensors.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using kvern::files::Dtype;
using kvern::files::TensorView;
using kvern::files::Weights;
using kvern::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

const std::string kBytes = "0123456789abcdef";

TensorView bytes_view(int64_t n) { return {Dtype::u8, {n}, kBytes.data(), static_cast<size_t>(n), nullptr}; }

void write_text(const fs::path &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Two shards: a and b in the first, c in the second.
void write_shards(const TemporaryFolder &folder, const std::string &index) {
  kvern::files::write_safetensors(folder / "m-1.safetensors", {{"a", bytes_view(2)}, {"b", bytes_view(3)}});
  kvern::files::write_safetensors(folder / "m-2.safetensors", {{"c", bytes_view(4)}});
  write_text(folder / "model.safetensors.index.json", index);
}

std::string refusal(const fs::path &path) {
  return kvern::test::error_text(kvern::ErrorKind::model, [&] { Weights::open(path); });
}

std::string at(const TemporaryFolder &folder, const std::string &file, const std::string &text) {
  return (folder / file).string() + ": " + text;
}

const char *kGoodIndex =
    R"({"metadata":{"total_size":9},"weight_map":{"a":"m-1.safetensors","b":"m-1.safetensors","c":"m-2.safetensors"}})";

}  // namespace

TEST_CASE("A folder with one file gives its tensors by name") {
  const TemporaryFolder folder;
  kvern::files::write_safetensors(folder / "model.safetensors", {{"x", bytes_view(5)}, {"y", bytes_view(1)}});
  const Weights weights = Weights::open(folder.path());
  weights.prefetch();
  CHECK(weights.names() == std::vector<std::string>{"x", "y"});
  CHECK(weights.total_bytes() == 6);
  CHECK(weights.contains("x"));
  CHECK_FALSE(weights.contains("z"));
  const TensorView view = weights.tensor("x");
  CHECK(std::string(static_cast<const char *>(view.data), view.bytes) == "01234");
  CHECK(kvern::test::error_text(kvern::ErrorKind::model, [&] { weights.tensor("xy"); }) ==
        folder.path().string() + ": the weights have no tensor 'xy'; did you mean 'x'?");
}

TEST_CASE("Shards are found by their index") {
  const TemporaryFolder folder;
  write_shards(folder, kGoodIndex);
  const Weights weights = Weights::open(folder.path());
  CHECK(weights.names() == std::vector<std::string>{"a", "b", "c"});
  CHECK(weights.total_bytes() == 9);
  CHECK(weights.tensor("c").bytes == 4);
}

TEST_CASE("A missing shard is named") {
  const TemporaryFolder folder;
  write_shards(folder, kGoodIndex);
  fs::remove(folder / "m-2.safetensors");
  CHECK(refusal(folder.path()) ==
        at(folder, "m-2.safetensors",
           "this shard is missing; model.safetensors.index.json places 'c' in it. Download "
           "the whole folder"));
}

TEST_CASE("A tensor that the index lists and its shard lacks is an error for who reads it") {
  const TemporaryFolder folder;
  write_shards(folder,
               R"({"weight_map":{"a":"m-1.safetensors","b":"m-1.safetensors","c":"m-1.safetensors"}})");
  const Weights weights = Weights::open(folder.path());
  CHECK(weights.names() == std::vector<std::string>{"a", "b"});
  CHECK(kvern::test::error_text(kvern::ErrorKind::model, [&] { weights.tensor("c"); }) ==
        folder.path().string() +
            ": the weights have no tensor 'c': model.safetensors.index.json places it in m-1.safetensors, "
            "which does not "
            "hold it; did you mean 'a'?");
}

TEST_CASE("A tensor that a shard holds and the index does not list is there") {
  const TemporaryFolder folder;
  write_shards(folder, R"({"weight_map":{"a":"m-1.safetensors","c":"m-2.safetensors"}})");
  CHECK(Weights::open(folder.path()).contains("b"));
}

TEST_CASE("An index may not lead out of its folder, and must be one") {
  const TemporaryFolder folder;
  write_shards(folder, R"({"weight_map":{"a":"../m-1.safetensors"}})");
  CHECK(
      refusal(folder.path()) ==
      at(folder, "model.safetensors.index.json",
         "weight_map.a: '../m-1.safetensors' must be the name of a file in the same folder, without a path"));
  write_shards(folder, R"({"weight_map":{}})");
  CHECK(refusal(folder.path()) == at(folder, "model.safetensors.index.json",
                                     "weight_map: is empty; it should name the shard of each tensor"));
  write_shards(folder, R"({"weights_map":{}})");
  CHECK(refusal(folder.path()) ==
        at(folder, "model.safetensors.index.json", "weight_map: is missing; did you mean 'weights_map'?"));
  write_shards(folder, "");
  CHECK(refusal(folder.path()) ==
        at(folder, "model.safetensors.index.json", "is empty; expected a JSON object"));
  write_shards(folder, R"({"weight_map":{"a":1}})");
  CHECK(refusal(folder.path()) ==
        at(folder, "model.safetensors.index.json", "weight_map.a: expected a string, found the integer 1"));
}

TEST_CASE("A path that is not a model folder is refused by what it is") {
  const TemporaryFolder folder;
  CHECK(refusal(folder / "absent") ==
        at(folder, "absent", "no such folder; a model is a folder with config.json"));
  write_text(folder / "file", "x");
  CHECK(refusal(folder / "file") ==
        at(folder, "file", "is a file; give the folder that holds config.json and model.safetensors"));
  write_text(folder / "x.gguf", "GGUF");
  CHECK(refusal(folder / "x.gguf") ==
        at(folder, "x.gguf",
           "is a GGUF file; kvern reads Hugging Face folders (config.json, model.safetensors)"));
  fs::create_directory(folder / "empty");
  CHECK(refusal(folder / "empty") ==
        at(folder, "empty", "is empty; a model is a folder with config.json and model.safetensors"));
  fs::create_directories(folder / "dir" / "model.safetensors");
  CHECK(refusal(folder / "dir") ==
        at(folder, "dir/model.safetensors", "is a directory; a regular file is required"));
}

TEST_CASE("A folder with weights of another format says which and how to convert them") {
  struct Case {
    const char *file, *words;
  };
  for (const Case &c :
       {Case{"pytorch_model.bin",
             "PyTorch pickles; convert them, with the folder for X: python -c "
             "\"from transformers import AutoModelForCausalLM as M; "
             "M.from_pretrained('X').save_pretrained('X', "
             "safe_serialization=True)\""},
        Case{"pytorch_model-00001-of-00002.bin", "PyTorch pickles"},
        Case{"m.Q4_K_M.gguf", "gguf_file='FILE'"}, Case{"consolidated.00.pth", "convert_llama_weights_to_hf"},
        Case{"consolidated.safetensors", "download the model in the Hugging Face layout"},
        Case{"tf_model.h5", "from_tf=True"}, Case{"flax_model.msgpack", "from_flax=True"},
        Case{"adapter_model.safetensors", "merge_and_unload()"}, Case{"tokenizer.model", "AutoTokenizer"}}) {
    const TemporaryFolder folder;
    write_text(folder / "config.json", "{}");
    write_text(folder / c.file, "x");
    CHECK_THAT(refusal(folder.path()), Catch::StartsWith(folder.path().string() +
                                                         ": has no model.safetensors but " + c.file + ": ") &&
                                           Catch::Contains(c.words));
  }
}

TEST_CASE("A folder with nothing that looks like weights says what is missing") {
  const TemporaryFolder folder;
  write_text(folder / "config.json", "{}");
  CHECK(refusal(folder.path()) ==
        folder.path().string() + ": has neither model.safetensors nor model.safetensors.index.json");
}

TEST_CASE("What can be opened but not mapped is refused, without waiting for it") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "model.safetensors").c_str(), 0600) == 0);
  CHECK(refusal(folder.path()) ==
        at(folder, "model.safetensors", "is a FIFO (named pipe); a regular file is required"));
}

TEST_CASE("A file without permission is refused as such") {
  if (::geteuid() == 0) return;  // root may read everything
  const TemporaryFolder folder;
  kvern::files::write_safetensors(folder / "model.safetensors", {{"x", bytes_view(5)}});
  fs::permissions(folder / "model.safetensors", fs::perms::none);
  CHECK(refusal(folder.path()) == at(folder, "model.safetensors", "cannot be read: permission denied"));
}

TEST_CASE("A truncated file and a Git LFS pointer are told apart") {
  const TemporaryFolder folder;
  kvern::files::write_safetensors(folder / "model.safetensors", {{"x", bytes_view(16)}});
  fs::resize_file(folder / "model.safetensors", fs::file_size(folder / "model.safetensors") - 1);
  CHECK(refusal(folder.path()) == at(folder, "model.safetensors",
                                     "tensor 'x': its bytes 0 to 16 lie outside the file, which holds 15 "
                                     "bytes of tensors; the file is truncated "
                                     "or its header wrong"));
  write_text(folder / "model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  CHECK(refusal(folder.path()) ==
        at(folder, "model.safetensors",
           "is a Git LFS pointer, not the weights; fetch them with 'git lfs pull' in that folder"));
}
