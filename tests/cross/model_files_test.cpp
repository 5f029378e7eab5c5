// What may stand in place of a file of a model folder: one line, the exit code of a model error, and no waiting.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kFiles{"config.json", "generation_config.json", "tokenizer.json",
                                      "tokenizer_config.json", "model.safetensors"};

void write(const fs::path &file, const std::string &text) { std::ofstream(file, std::ios::binary) << text; }

void make_socket(const fs::path &path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(descriptor, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0);
  ::close(descriptor);
}

/// A folder whose files are links to those of the built-in model.
fs::path linked_model(const TemporaryFolder &folder) {
  const fs::path model = folder / "model";
  fs::create_directory(model);
  for (const std::string &file : kFiles) {
    fs::create_symlink(fs::path(source_path("models/demo")) / file, model / file);
  }
  return model;
}

/// Ends within 60 s with one line that holds `message`, and that exit code.
void expect_refusal(const std::vector<std::string> &arguments, int code, const std::string &message) {
  std::vector<std::string> command{"timeout", "60", program("kvern")};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Ran ran = run(command);
  INFO(ran.err);
  CHECK(ran.code == code);
  CHECK_THAT(ran.err, Catch::Contains(message));
  CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  CHECK(ran.out.empty());
}

void expect_model_refusal(const fs::path &model, const std::string &message) {
  expect_refusal({"generate", "--model", model.string(), "--prompt", "x", "--max-new-tokens", "1"}, 4,
                 message);
}

/// Puts each kind of thing that is no readable file at `place`, and calls `check` with what is said of it.
template <class Check>
void with_each_kind(const fs::path &place, Check check) {
  fs::remove(place);
  REQUIRE(::mkfifo(place.c_str(), 0600) == 0);
  check("is a FIFO");
  fs::remove(place);
  fs::create_directory(place);
  check("is a directory");
  fs::remove(place);
  make_socket(place);
  check("is a socket");
  fs::remove(place);
  fs::create_symlink("/dev/zero", place);
  check("is a device");
  fs::remove(place);
  fs::create_symlink(place.filename(), place);
  check("is a link that leads to itself");
  fs::remove(place);
  fs::create_symlink("gone", place);
  check("is a link to 'gone', which does not exist");
  fs::remove(place);
}

}  // namespace

TEST_CASE("No file of a model folder may be a FIFO, a directory, a socket, a device or a broken link") {
  auto files = kFiles;  // and those that are read where they are there
  files.insert(files.end(), {"special_tokens_map.json", "added_tokens.json"});
  for (const std::string &file : files) {
    const TemporaryFolder folder;
    const fs::path model = linked_model(folder);
    with_each_kind(model / file,
                   [&](const std::string &text) { expect_model_refusal(model, file + ": " + text); });
  }
}

TEST_CASE("Neither the index of the shards nor a shard may be one") {
  const TemporaryFolder folder;
  const fs::path model = linked_model(folder);
  fs::remove(model / "model.safetensors");
  with_each_kind(model / "model.safetensors.index.json",
                 [&](const std::string &text) { expect_model_refusal(model, "index.json: " + text); });
  write(model / "model.safetensors.index.json", R"({"weight_map":{"a":"one.safetensors"}})");
  with_each_kind(model / "one.safetensors",
                 [&](const std::string &text) { expect_model_refusal(model, "one.safetensors: " + text); });
}

TEST_CASE("Nor may a configuration, a prompt file or a text file") {
  const TemporaryFolder folder;
  const std::string file = (folder / "file").string();
  with_each_kind(file, [&](const std::string &text) {
    expect_refusal({"generate", "--config", file, "--prompt", "x"}, 3, "file: " + text);
    expect_refusal({"generate", "--prompt-file", file}, 6, "--prompt-file " + file + ": " + text);
    expect_refusal({"compare", "--text-file", file, "--cache", "static"}, 6,
                   "--text-file " + file + ": " + text);
  });
}

TEST_CASE("A read error is never an empty file") {
  const TemporaryFolder folder;
  const std::string error = "/proc/self/mem: cannot be read: Input/output error";
  expect_refusal({"generate", "--config", "/proc/self/mem", "--prompt", "x"}, 3, error);
  expect_refusal({"generate", "--prompt-file", "/proc/self/mem"}, 6, error);
  for (const std::string &file : kFiles) {
    if (file == "model.safetensors") continue;  // mapped, not read: empty to fstat
    const TemporaryFolder other;
    const fs::path model = linked_model(other);
    fs::remove(model / file);
    fs::create_symlink("/proc/self/mem", model / file);
    expect_model_refusal(model, file + ": cannot be read: Input/output error");
  }
}

TEST_CASE("A prompt may come through a pipe of the shell") {
  const Ran ran = run({"bash", "-c", "\"$KVERN\" generate --max-new-tokens 1 --prompt-file <(printf Once)"},
                      "", {"KVERN=" + program("kvern")});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, Catch::StartsWith("Once"));
}

TEST_CASE("JSON nested without end is refused in every file") {
  const size_t depth = 1'000'000;
  const std::string deep = std::string(depth, '[') + std::string(depth, ']');
  const auto expect = [&](const std::string &file, const std::string &text) {
    const TemporaryFolder folder;
    const fs::path model = linked_model(folder);
    fs::remove(model / file);
    write(model / file, text);
    if (file == "model.safetensors.index.json") fs::remove(model / "model.safetensors");
    INFO(file);
    expect_model_refusal(model, "is nested too deep: at most 128");
  };
  for (const std::string &file : kFiles) {
    if (file != "model.safetensors") expect(file, "{\"a\":" + deep + "}");
  }
  expect("model.safetensors.index.json", "{\"weight_map\":{\"a\":" + deep + "}}");
  expect("tokenizer_config.json", "{\"bos_token\":{\"content\":\"<s>\",\"x\":" + deep + "}}");
  expect("tokenizer_config.json",
         "{\"added_tokens_decoder\":{\"1\":{\"content\":\"<s>\",\"x\":" + deep + "}}}");
  const std::string header = "{\"a\":" + deep + "}";
  const uint64_t length = header.size();
  expect("model.safetensors", std::string(reinterpret_cast<const char *>(&length), 8) + header);
}

TEST_CASE("Weights that shrink while they are used end with one line") {
  const TemporaryFolder folder;
  const fs::path model = linked_model(folder);
  fs::remove(model / "model.safetensors");
  fs::copy_file(source_path("models/demo/model.safetensors"), model / "model.safetensors");
  const Ran ran = run({"bash", "-c", R"(
      "$KVERN" generate --model "$MODEL" --threads 1 --prompt Once --max-new-tokens 1000 \
          --set generation.use_cache=false --set 'generation.eos_token_id=[]' >/dev/null & p=$!
      until grep -q model.safetensors /proc/$p/maps; do sleep 0.02; done
      truncate -s 0 "$MODEL/model.safetensors"; wait $p)"},
                      "", {"KVERN=" + program("kvern"), "MODEL=" + model.string()});
  CHECK(ran.code == 4);
  CHECK_THAT(ran.err, Catch::StartsWith("kvern: " + (model / "model.safetensors").string() +
                                        ": the file was shortened while it was in use"));
}
