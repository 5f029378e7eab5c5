// kvern chat as a user meets it: messages from a pipe, one answer to a file, commands, mistakes, Ctrl-C.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/child.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;

namespace {

std::vector<std::string> chat(const std::vector<std::string> &more = {}) {
  std::vector<std::string> command{program("kvern"), "chat", "--threads", "1", "--max-new-tokens", "8"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

std::string write(const TemporaryFolder &folder, const std::string &name, const std::string &text) {
  std::ofstream(folder / name) << text;
  return (folder / name).string();
}

size_t count(const std::string &text, const std::string &what) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++found;
  return found;
}

}  // namespace

TEST_CASE("Lines of a pipe are answered one after another, and each says how many tokens were reused") {
  const auto ran = run(chat(), "Once upon a time\nA cat came.\n");
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(count(ran.out, "\n") >= 2);
  CHECK(count(ran.err, " tokens computed, ") == 2);
  CHECK(count(ran.err, " tokens computed, 0 reused; ") == 1);
}

TEST_CASE("A file of messages is answered once, as text or as JSON") {
  const TemporaryFolder folder;
  const auto file = write(folder, "m.json", R"([{"role": "user", "content": "Once upon a time"}])");
  const auto text = run(chat({"--messages", file})),
             json = run(chat({"--messages", file, "--output", "json"}));
  CHECK(text.code == 0);
  const auto object = Json::parse(json.out);
  CHECK(object["message"]["role"] == "assistant");
  CHECK(object["message"]["content"].get<std::string>() + "\n" == text.out);
  CHECK(object["output_ids"].size() == 8);
  CHECK(object["reused_tokens"] == 0);
}

TEST_CASE("A conversation is saved, loaded, tried again, moved to another cache and forgotten") {
  const TemporaryFolder folder;
  const auto file = (folder / "talk.json").string();
  const auto ran = run(chat(), "Once upon a time\n/save " + file +
                                   "\n/retry\n/cache paged\nA cat came.\n/stats\n/reset\n/load " + file +
                                   "\n/help\n/quit\nnever\n");
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(count(ran.err, "kvern: 5 tokens computed, ") == 2);
  CHECK_THAT(ran.err, Catch::Contains("2 messages in " + file));
  CHECK_THAT(ran.err, Catch::Contains("1 tokens computed, "));
  CHECK_THAT(ran.err, Catch::Contains("'paged' takes over with "));
  CHECK_THAT(ran.err, Catch::Contains("cache    paged, "));
  CHECK_THAT(ran.err, Catch::Contains("kvern: forgotten"));
  CHECK_THAT(ran.err, Catch::Contains("/load FILE"));
  const auto saved = Json::parse(std::ifstream(file));
  CHECK(saved.size() == 2);
  CHECK(saved[0]["content"] == "Once upon a time");
}

TEST_CASE("A mistake in a conversation is one message, and the conversation goes on") {
  const auto ran = run(
      chat(),
      "/sav x\n/save\n/reset now\n/load /nowhere.json\n/cache dynamc\n/retry\n/save /nowhere/x.json\nOnce\n");
  INFO(ran.err);
  CHECK(count(ran.err, " tokens computed, ") == 1);
  CHECK_THAT(ran.err, Catch::Contains("no command /sav; did you mean 'save'?"));
  CHECK_THAT(ran.err, Catch::Contains("/save needs an argument: /save FILE"));
  CHECK_THAT(ran.err, Catch::Contains("/reset takes no argument"));
  CHECK_THAT(ran.err, Catch::Contains("/nowhere.json: "));
  CHECK_THAT(ran.err, Catch::Contains("did you mean 'dynamic'?"));
  CHECK_THAT(ran.err, Catch::Contains("/retry: there is no message to answer"));
  CHECK_THAT(ran.err, Catch::Contains("cannot write /nowhere/x.json: No such file or directory"));
  CHECK(ran.code == 8);
}

TEST_CASE("Wrong files, templates and options of a chat are told before the model is opened") {
  const TemporaryFolder folder;
  const auto broken = write(folder, "broken.jinja", "a\n{% if %}\n"),
             refuses = write(folder, "refuses.jinja", "\n{{ raise_exception('no cats') }}");
  const auto messages = write(folder, "m.json", R"([{"role": "user", "content": "a"}])");
  const auto answered = write(folder, "answered.json", R"([{"role": "assistant", "content": "a"}])");
  const auto check = [](const std::vector<std::string> &arguments, int code, const std::string &text) {
    const auto ran = run(chat(arguments));
    INFO(text);
    CHECK(ran.code == code);
    CHECK(ran.out.empty());
    CHECK_THAT(ran.err, Catch::Contains(text));
    CHECK(count(ran.err, "\n") == 1);
  };
  check({"--messages", folder / "absent.json"}, 6, "absent.json: ");
  check({"--messages", answered}, 6,
        "answered.json: the last message is the assistant's: there is nothing to answer");
  check({"--messages", messages, "--chat-template", broken}, 4,
        "broken.jinja:2: Expected an expression, got 'end of statement block'");
  check({"--messages", messages, "--chat-template", refuses}, 6, "refuses.jinja:2: no cats");
  check({"--messages", messages, "--chat-template", "defaut"}, 6,
        "--chat-template defaut: neither a file nor a template of ");
  check({"--messages", messages, "--template-args", "[1]"}, 2, "--template-args: expected a JSON object");
  check({"--messages", messages, "--template-args", "{"}, 2, "--template-args: ");
  check({"--messages", messages, "--tools", messages + "x"}, 6, "m.jsonx: ");
  check({"--output", "json"}, 2, "--output json needs --messages FILE");
}

TEST_CASE("A prefix comes before every text of a conversation, from disk in the second run") {
  const TemporaryFolder folder;
  const std::vector<std::string> options{"--prefix-text", "There was a mill by the river.\n",
                                         "--prefix-folder", folder.path().string()};
  const auto first = run(chat(options), "Once\nAnd then?\n"),
             second = run(chat(options), "Once\nAnd then?\n");
  INFO(first.err << second.err);
  CHECK(first.code == 0);
  CHECK(second.out == first.out);
  CHECK(first.out != run(chat(), "Once\nAnd then?\n").out);
  CHECK(count(first.err, " tokens computed\n") == 1);
  CHECK(count(second.err, " tokens restored from disk\n") == 1);
}

TEST_CASE("Log-probabilities are in the JSON of one answer; what a conversation does not serve is refused") {
  const TemporaryFolder folder;
  const auto file = write(folder, "m.json", R"([{"role": "user", "content": "Once upon a time"}])");
  const auto ran = run(chat({"--messages", file, "--output", "json", "--logprobs", "2"}));
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const auto logprobs = Json::parse(ran.out)["logprobs"];
  REQUIRE(logprobs.size() == 8);
  CHECK(logprobs[0]["top"].size() == 2);
  const auto refused = run(chat({"--max-batch", "4"}));
  CHECK(refused.code == 2);
  CHECK_THAT(refused.err, Catch::Contains("--max-batch is for `kvern generate --prompts`"));
  const auto no_json = run(chat({"--logprobs", "2"}));
  CHECK(no_json.code == 3);
  CHECK_THAT(no_json.err, Catch::Contains("use --messages FILE --output json"));
}

TEST_CASE("Templates of a model folder are found in each of their places") {
  const TemporaryFolder folder;
  namespace fs = std::filesystem;
  for (const auto &entry : fs::directory_iterator(source_path("models/demo")))
    if (entry.path().filename() != "chat_template.jinja")
      fs::create_symlink(entry.path(), folder / entry.path().filename());
  const auto messages = write(folder, "m.json", R"([{"role": "user", "content": "a"}])");
  const auto message_of = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--model", folder.path().string(), "--messages", messages});
    return run(chat(more)).err;
  };
  const auto raises = [](const std::string &text) { return "{{ raise_exception('" + text + "') }}"; };
  CHECK_THAT(message_of({}), Catch::Contains("has no chat template"));
  write(folder, "chat_template.json", Json{{"chat_template", raises("of json")}}.dump());
  CHECK_THAT(message_of({}), Catch::Contains("of json"));
  auto config = Json::parse(std::ifstream(folder / "tokenizer_config.json"));
  fs::remove(folder / "tokenizer_config.json");
  config["chat_template"] = Json::array({{{"name", "default"}, {"template", raises("of default")}},
                                         {{"name", "tool_use"}, {"template", raises("of tools")}}});
  write(folder, "tokenizer_config.json", config.dump());
  CHECK_THAT(message_of({}), Catch::Contains("chat_template 'default':1: of default"));
  CHECK_THAT(message_of({"--chat-template", "tool_use"}), Catch::Contains("of tools"));
  CHECK_THAT(message_of({"--tools", write(folder, "tools.json", "[]")}), Catch::Contains("of tools"));
  CHECK_THAT(message_of({"--chat-template", "tool_us"}), Catch::Contains("did you mean 'tool_use'?"));
  fs::create_directory(folder / "additional_chat_templates");
  write(folder, "additional_chat_templates/rag.jinja", raises("of rag"));
  write(folder, "chat_template.jinja", raises("of jinja"));
  CHECK_THAT(message_of({}), Catch::Contains("chat_template.jinja:1: of jinja"));
  CHECK_THAT(message_of({"--chat-template", "rag"}), Catch::Contains("rag.jinja:1: of rag"));
}

TEST_CASE("Ctrl-C ends an answer and not the conversation; the next message is answered") {
  Child child({program("kvern"), "chat", "--threads", "1", "--cache", "none", "--max-new-tokens", "900",
               "--set", "generation.eos_token_id=[]"},
              Child::Output::pipes, Child::Input::open);
  child.write("Once upon a time\n");
  REQUIRE(child.wait_for(" "));
  child.send(SIGINT);
  REQUIRE(child.wait_for("; interrupted"));
  child.write("/reset\n/quit\n");
  const auto ran = child.finish();
  CHECK(ran.code == 0);
  CHECK_THAT(ran.err, Catch::Contains("kvern: forgotten"));
}

TEST_CASE("Ctrl-C between two lines of a conversation does not end it") {
  Child child(chat(), Child::Output::pipes, Child::Input::open);
  child.write("Once upon a time\n");
  REQUIRE(child.wait_for(" tokens computed, "));
  for (int i = 0; i < 300; ++i) {
    child.write("/stats\n");
    child.send(SIGINT);
  }
  while (!child.wait_for("kvern: forgotten", 0.2)) child.write("\n/reset\n");  // a line may be dropped
  child.write("\n/quit\n");
  CHECK(child.finish().code == 0);
}

TEST_CASE(
    "On a terminal lines are edited, Ctrl-C drops a line, the arrow brings back the last one, Ctrl-D ends") {
  Child child(chat(), Child::Output::terminal, Child::Input::open);
  REQUIRE(child.wait_for("> "));
  child.write("unfinished");
  for (int i = 0; i < 100 && !child.wait_for("^C", 0.2); ++i)
    child.write("\x03");  // libedit misses one outside of a read
  REQUIRE(child.wait_for("^C", 1));
  child.write("/heXX\x7f\x7flp\r");
  REQUIRE(child.wait_for("/retry"));
  child.write("\x1b[A\r");
  child.write("\x04");
  CHECK(child.finish().code == 0);
}
