// Mistakes of users: one message, the right exit code, and nothing on standard output.
#include <filesystem>
#include <fstream>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
namespace fs = std::filesystem;

namespace {

/// Checks that the program ends with that code, says that, and leaves standard output empty.
void expect_error(std::vector<std::string> arguments, int code, const std::string &message,
                  const std::string &input = "") {
  arguments.insert(arguments.begin(), program("kvern"));
  const auto ran = run(arguments, input);
  INFO(ran.err);
  CHECK(ran.code == code);
  CHECK_THAT(ran.err, Catch::Contains(message));
  CHECK(ran.out.empty());
}

void write(const fs::path &file, const std::string &text) { std::ofstream(file, std::ios::binary) << text; }

/// A copy of the built-in model, to be broken.
fs::path model_copy(const TemporaryFolder &folder) {
  const fs::path copy = folder / "model";
  fs::copy(source_path("models/demo"), copy);
  return copy;
}

void expect_model_error(const fs::path &model, int code, const std::string &message) {
  expect_error({"generate", "--model", model.string(), "--prompt", "x", "--max-new-tokens", "2"}, code,
               message);
}

}  // namespace

TEST_CASE("Wrong commands and options are answered with the nearest ones") {
  expect_error({}, 2, "no command");
  expect_error({"generat"}, 2, "did you mean 'generate'?");
  expect_error({"generate", "--promt", "x"}, 2, "no option '--promt'; did you mean '--prompt'?");
  expect_error({"generate", "--max-new", "4"}, 2, "no option '--max-new'");  // no abbreviations
  expect_error({"generate", "stray"}, 2, "without an option before it");
  expect_error({"generate", "--prompt", "x", "--input-ids", "1"}, 2, "only one of");
  expect_error({"generate", "--prompt", "x", "--output", "xml"}, 2, "text, json, srt or vtt");
  expect_error({"bench", "--depths", "1,x"}, 2, "'x' is not a number");
}

TEST_CASE("Mistakes in a configuration are named by file, line and key") {
  const TemporaryFolder folder;
  const auto file = (folder / "run.toml").string();
  const auto expect = [&](const std::string &toml, const std::string &message) {
    write(file, toml);
    expect_error({"generate", "--config", file, "--prompt", "x"}, 3, message);
  };
  expect("a = \n", "run.toml:1");
  expect("\ncache_implementaton = 'static'\n", "run.toml:2: cache_implementaton: unknown key");
  expect("threads = 'two'\n", "expected an integer from 1 to 1024, found the string 'two'");
  expect("[cache_config]\nmax_cache_len = 4\n", "run.toml:2: cache 'dynamic' has no option 'max_cache_len'");
  expect("cache_implementation = 'static'\n[cache_config]\nmax_cache_len = 'big'\n", "run.toml:3: ");
  expect_error({"generate", "--config", (folder / "none.toml").string(), "--prompt", "x"}, 3, "no such file");
  expect_error({"generate", "--config", folder.path().string(), "--prompt", "x"}, 3, folder.path().string());
  expect_error({"generate", "--prompt", "x", "--cache", "static", "--set", "cache_config.max_cache_le=4"}, 3,
               "did you mean 'max_cache_len'?");
}

TEST_CASE("The configuration is checked before the model is opened") {
  expect_error({"generate", "--model", "/no/such/model", "--cache", "static", "--set", "cache_config.x=1",
                "--prompt", "x"},
               3, "no option 'x'");
}

TEST_CASE("A cache plugin that cannot be used is refused with the reason") {
  const std::string broken = program("../lib/kvern/test_plugins/broken");
  expect_error({"generate", "--cache", "dinamic", "--prompt", "x"}, 5,
               "did you mean 'dynamic'? installed: batching, dynamic, ");
  for (const auto &[name, message] :
       std::vector<std::pair<std::string, std::string>>{{"too_new", "new"},
                                                        {"wrong_name", "name"},
                                                        {"no_symbol", "kvern_plugin_entry"},
                                                        {"not_a_library", "not"}}) {
    INFO(name);
    expect_error({"generate", "--cache", name, "--plugin-path", broken, "--prompt", "x"}, 5, message);
  }
}

TEST_CASE("A model folder that cannot be used is refused with what would be right") {
  const TemporaryFolder folder;
  const auto model = model_copy(folder);
  expect_model_error("/no/such/model", 4, "no such folder");
  expect_model_error(model / "config.json", 4, "is a file; give the folder");

  SECTION("truncated weights") {
    fs::resize_file(model / "model.safetensors", 100000);
    expect_model_error(model, 4, "the file is truncated or its header wrong");
  }
  SECTION("a header that claims to be huge") {
    write(model / "model.safetensors",
          std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + std::string(100, ' '));
    expect_model_error(model, 4, "model.safetensors");
  }
  SECTION("only PyTorch weights") {
    fs::rename(model / "model.safetensors", model / "pytorch_model.bin");
    expect_model_error(model, 4, "safe_serialization=True");
  }
  SECTION("only GGUF weights") {
    fs::rename(model / "model.safetensors", model / "demo.gguf");
    expect_model_error(model, 4, "gguf_file");
  }
  SECTION("only a sentencepiece tokenizer") {
    fs::rename(model / "tokenizer.json", model / "tokenizer.model");
    expect_model_error(model, 6, "AutoTokenizer");
  }
  SECTION("an unknown model type") {
    const auto config = run({"sed", "s/\"llama\"/\"lama\"/", (model / "config.json").string()}).out;
    write(model / "config.json", config);
    expect_model_error(model, 4, "did you mean 'llama'?");
  }
  SECTION("a shape that config.json does not ask for") {
    const auto config = run({"sed", "s/\"intermediate_size\": [0-9]*/\"intermediate_size\": 100/",
                             (model / "config.json").string()})
                            .out;
    write(model / "config.json", config);
    expect_model_error(model, 4, "but config.json asks for [100, ");
  }
}

TEST_CASE("A prompt that cannot be used is refused") {
  expect_error({"generate", "--prompt-file", "/no/such/file"}, 6, "no such file");
  expect_error({"generate", "--prompt-file", "/tmp"}, 6, "is a directory");
  expect_error({"generate", "--prompt", "ab\xff"}, 6, "not UTF-8: byte 2 is 0x");
  expect_error({"generate", "--input-ids", "1,,2"}, 6, "does not begin with an id");
  expect_error({"generate", "--input-ids", "1,99999"}, 6,
               "id 99999 at position 1 of the prompt is outside the vocabulary");
  std::string longer;
  for (int i = 0; i < 3000; ++i) longer += "the boy ";
  expect_error({"generate"}, 6, "the model takes at most ", longer);
  expect_error(
      {"generate", "--prompt", "one two three", "--cache", "static", "--set", "cache_config.max_cache_len=2"},
      6, "the cache 'static' holds at most 2");
}

TEST_CASE("A comparison that cannot be made says why") {
  const auto text = source_path("bench/text/mill.txt");
  const auto expect = [&](std::vector<std::string> more, int code, const std::string &message) {
    more.insert(more.begin(), {"compare", "--text-file", text});
    expect_error(more, code, message);
  };
  expect_error({"compare", "--cache", "static"}, 2, "no text: give --text-file");
  expect({}, 2, "no cache to compare");
  expect({"--cach", "static"}, 2, "no option '--cach'; did you mean '--cache'?");
  expect({"--cache", "static", "--output", "jsn"}, 2, "table, markdown or json; did you mean 'json'?");
  expect({"--cache", "static", "--chunk", "0"}, 2, "--chunk 0: it is at least 1");
  expect({"--cache", "static", "--context", "4"}, 2, "--context 4: it is at least 8");
  expect({"--cache", "static", "--context", "48", "--recall", "13"}, 2,
         "--recall 13: in windows of 48 tokens it is from 8 to 12");
  expect({"--cache", "none.toml"}, 3, "none.toml: no such file");
  expect({"--cache", "static{max_cache_le = 4}"}, 3, "did you mean 'max_cache_len'?");
  expect({"--cache", "static{max_cache_len = 4"}, 3, "--cache static{max_cache_len = 4");
  expect({"--cache", "{max_cache_len = 4}"}, 3,
         "expected NAME, NAME{option = value, ...} or a TOML or JSON file");
  expect({"--cache", "statc"}, 5, "did you mean 'static'?");
  expect({"--cache", "static", "--reference", "dynamc"}, 5, "did you mean 'dynamic'?");
  expect({"--cache", "static", "--model", "/no/such/model"}, 4, "no such folder");
  expect({"--cache", "static", "--context", "1025"}, 6, "the model takes at most 1024 tokens");
  expect({"--cache", "static{max_cache_len = 40}", "--windows", "1"}, 7, "its capacity is 40");
}

TEST_CASE("A text that cannot be compared on is refused") {
  const TemporaryFolder folder;
  const auto file = (folder / "text").string();
  const auto expect = [&](const std::string &text, const std::string &message) {
    write(file, text);
    expect_error({"compare", "--text-file", file, "--cache", "static"}, 6, message);
  };
  expect("", "the text has 0 tokens, which do not fill one window of 512");
  expect("Once upon a time", "do not fill one window of 512");
  expect("ab\xff", "text is not UTF-8: byte 2 is 0xFF");
  expect_error({"compare", "--text-file", "/no/such/file", "--cache", "static"}, 6, "no such file");
  expect_error({"compare", "--text-file", "/tmp", "--cache", "static"}, 6,
               "--text-file /tmp: is a directory");
  const auto model = model_copy(folder);
  fs::remove(model / "tokenizer.json");
  expect_error({"compare", "--text-file", source_path("bench/text/mill.txt"), "--cache", "static", "--model",
                model.string()},
               4, "tokenizer.json");
}

TEST_CASE("Running out of the memory budget is a clean end") {
  expect_error({"generate", "--prompt", "x", "--memory-budget", "1kB"}, 7, "the memory budget of 1000 bytes");
}

TEST_CASE("Output that cannot be written is an error") {
  const auto ran = run({"sh", "-c", "\"$KVERN\" generate --prompt x --max-new-tokens 2 >/dev/full"}, "",
                       {"KVERN=" + program("kvern")});
  CHECK(ran.code == 8);
  CHECK_THAT(ran.err, Catch::Contains("cannot write to standard output"));
}
