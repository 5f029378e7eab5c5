// Control characters of files, plugins and arguments never reach the terminal, by whichever way they come.
#include <filesystem>
#include <fstream>

#include "tests/support/child.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
namespace fs = std::filesystem;

namespace {

const std::string kEscape = "\033]0;owned\x07\x1b[2J\r\xc2\x9b";

/// What a terminal would act on; "\r\n" is how a terminal ends a line.
bool is_harmless(const std::string &text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n' || byte == '\t' || (byte == '\r' && i + 1 < text.size() && text[i + 1] == '\n'))
      continue;
    if (byte < 0x20 || byte == 0x7f) return false;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return true;
}

Ran on_terminal(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program("kvern"));
  Child child(arguments, Child::Output::terminal);
  const auto ran = child.finish(120);
  INFO(ran.out.substr(0, 2000));
  CHECK(is_harmless(ran.out));
  CHECK_FALSE(ran.out.empty());
  return ran;
}

/// The program fails, in one line of at most 1,000 bytes.
void refuses(const std::vector<std::string> &arguments, int code) {
  const auto ran = on_terminal(arguments);
  INFO(ran.out.substr(0, 2000));
  CHECK(ran.code == code);
  CHECK(ran.out.find('\n') == ran.out.size() - 1);
  CHECK(ran.out.size() <= 1002);
}

void write(const fs::path &file, const std::string &text) { std::ofstream(file, std::ios::binary) << text; }

std::string contents(const fs::path &file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A copy of the built-in model with one text replaced in one file.
fs::path model_with(const TemporaryFolder &folder, const std::string &file, const std::string &from,
                    const std::string &to) {
  const fs::path copy = folder / "model";
  fs::remove_all(copy);
  fs::copy(source_path("models/demo"), copy);
  std::string text = contents(copy / file);
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  write(copy / file, text.replace(at, from.size(), to));
  return copy;
}

const std::string kJsonEscape = "\\u001b]0;owned\\u0007\\u009b";

std::vector<std::string> generate(std::vector<std::string> more) {
  more.insert(more.begin(), {"generate", "--prompt", "x", "--max-new-tokens", "2"});
  return more;
}

}  // namespace

TEST_CASE("Arguments with control characters are shown escaped") {
  refuses({"generate" + kEscape}, 2);
  refuses({"generate", "--prompt" + kEscape, "x"}, 2);
  refuses({"generate", "--output", kEscape}, 2);
  refuses({"bench", "--depths", kEscape}, 2);
  refuses({"generate", "--threads", kEscape}, 3);
  refuses({"generate", "--dtype", kEscape}, 3);
  refuses({"generate", "--memory-budget", kEscape}, 3);
  refuses({"generate", "--set", kEscape}, 3);
  refuses({"generate", "--set", kEscape + "=1"}, 3);
  refuses({"generate", "--set", "threads=" + kEscape}, 3);
  refuses({"generate", "--config", "/none/" + kEscape}, 3);
  refuses({"generate", "--cache-config", "/none/" + kEscape}, 3);
  refuses({"generate", "--cache", kEscape}, 5);
  refuses({"generate", "--cache", "./" + kEscape}, 5);
  refuses({"generate", "--cache", "x", "--plugin-path", "/none/" + kEscape}, 5);
  refuses({"compare", "--text-file", "x", "--cache", "static{" + kEscape}, 3);
  refuses(generate({"--model", "/none/" + kEscape}), 4);
  refuses({"inspect", "/none/" + kEscape}, 4);
  refuses({"generate", "--prompt-file", "/none/" + kEscape}, 6);
  refuses({"generate", "--input-ids", kEscape}, 6);
  refuses({"generate", "--prompt", kEscape + "\xff"}, 6);
  refuses({"caches", kEscape}, 5);
}

TEST_CASE("An error line is cut, however long the argument") {
  refuses({"generate", "--set", std::string(50000, 'x')}, 3);
  refuses({std::string(50000, '\033')}, 2);
}

TEST_CASE("Keys and values of a configuration are shown escaped, in TOML, JSON and explanations") {
  const TemporaryFolder folder;
  const auto file = (folder / "run.toml").string();
  const auto refused = [&](const std::string &text) {
    write(file, text);
    refuses(generate({"--config", file}), 3);
  };
  refused("\"" + kJsonEscape + "\" = 1\n");
  refused("threads = \"" + kJsonEscape + "\"\n");
  refused("threads = " + kEscape + "\n");
  refused("[cache_config]\n\"" + kJsonEscape + "\" = 1\n");
  refused("{\"" + kJsonEscape + "\": 1}");
  refused("{\"threads\": " + kEscape + "}");
  write(file, "model = \"" + kJsonEscape + "\"\n");
  refuses({"generate", "--prompt", "x", "--config", file}, 4);

  const auto plugins = program("../lib/kvern/test_plugins/broken");
  write(file, "cache_implementation = 'escapes'\nplugin_path = '" + plugins + "'\n[cache_config]\ntext = \"" +
                  kJsonEscape + "\"\n");
  for (const auto &more : std::vector<std::vector<std::string>>{{}, {"--output", "json"}, {"--explain"}}) {
    std::vector<std::string> arguments{"config", "--config", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    CHECK(on_terminal(arguments).code == 0);
  }
}

TEST_CASE("What files of a model say is shown escaped") {
  const TemporaryFolder folder;
  const auto refused = [&](const fs::path &model) { refuses(generate({"--model", model.string()}), 4); };
  refused(model_with(folder, "config.json", "\"model_type\": \"llama\"",
                     "\"model_type\": \"" + kJsonEscape + "\""));
  refused(model_with(folder, "config.json", "\"hidden_size\"", "\"hidden_size" + kJsonEscape + "\""));
  refused(model_with(folder, "tokenizer.json", "\"BPE\"", "\"" + kJsonEscape + "\""));
  refused(model_with(folder, "model.safetensors", "\"model.", "\"mode\033."));
  const auto model = model_with(folder, "generation_config.json", "{", "{\"" + kJsonEscape + "\": 1,");
  CHECK(on_terminal(generate({"--model", model.string()})).code == 0);
}

TEST_CASE("What a plugin says is shown escaped: names, messages, log, defaults") {
  const auto plugins = program("../lib/kvern/test_plugins/broken");
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--plugin-path", plugins});
    return on_terminal(arguments);
  };
  CHECK(with({"caches"}).code == 0);
  CHECK(with({"caches", "--output", "json"}).code == 0);
  CHECK(with({"caches", "escapes"}).code == 0);
  CHECK(with({"caches", "escapes", "--output", "json"}).code == 0);
  CHECK(with({"caches", "escapes", "--output", "toml"}).code == 0);
  CHECK(with({"inspect"}).code == 0);
  const auto ran = with(generate({"--cache", "escapes", "-v"}));
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, Catch::Contains("kvern: warning: warning\\x1b[2J\\nkvern: all is well") &&
                          Catch::Contains("kvern: info: detail\\x1b[2J"));
  CHECK_THAT(with(generate({"--cache", "escapes"})).out, !Catch::Contains("detail"));
  CHECK_THAT(with(generate({"--cache", "escapes", "--set", "cache_config.fail=yes"})).out,
             Catch::Contains("message\\x1b[2J\\x0a\\x0d\\x9b"));
}

TEST_CASE("File names of plugins are shown escaped") {
  const TemporaryFolder folder;
  write(folder / ("libkvern_" + kEscape + ".so"), "not a library");
  CHECK(on_terminal({"caches", "--plugin-path", folder.path().string()}).code == 0);
  refuses(generate({"--cache", "dynami", "--plugin-path", folder.path().string()}), 5);
}

TEST_CASE("Generated text and its prompt are escaped on a terminal and left alone in a pipe") {
  const std::vector<std::string> words{"generate", "--prompt", "a\033[2J\tb", "--max-new-tokens", "2"};
  CHECK_THAT(on_terminal(words).out, Catch::StartsWith("a\\x1b[2J"));
  std::vector<std::string> command{program("kvern")};
  command.insert(command.end(), words.begin(), words.end());
  CHECK_THAT(run(command).out, Catch::StartsWith("a\033[2J\tb"));
}
