// Conversations with the built-in model: what is computed, what is kept, and that answers are those of a fresh computation.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "runtime/chat/conversation.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::chat;

namespace {

constexpr const char *kPlain =
    "{{ bos_token }}{% for m in messages %}<s>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<s>{% "
    "endif %}";
/// Messages of the assistant lose all but their first word once another message follows.
constexpr const char *kRewriting =
    "{{ bos_token }}{% for m in messages %}<s>{{ m.content.split(' ')[0] if m.role == 'assistant' else "
    "m.content }}{% endfor %}<s>";

/// A cache, its options and the length of answers, as a file says it. In float32, where a text that is computed again in
/// steps of other lengths gives the same tokens.
config::RunConfig config_of(const std::string &cache, const std::string &options = "", int new_tokens = 12) {
  const std::string text =
      "threads = 1\ndtype = 'float32'\ncache_implementation = '" + cache + "'\n[cache_config]\n" + options +
      "\n[generation]\neos_token_id = []\nmax_new_tokens = " + std::to_string(new_tokens) + "\n";
  return config::parse_run_config(text, "test.toml", "", {}, generation_options());
}

Conversation conversation(const Session &session, const std::string &source = kPlain) {
  return Conversation(session, templates::ChatTemplate(source, "test.jinja"), {});
}

Reply say(Conversation &talk, const std::string &text) {
  talk.add(message("user", text));
  return talk.reply({});
}

int64_t computed(const Reply &reply) { return static_cast<int64_t>(reply.prompt.size()) - reply.reused; }

std::string story(int sentences) {
  std::string text = "Once upon a time there was a mill.";
  for (int i = 1; i < sentences; ++i) text += " The wind was strong that day.";
  return text;
}

/// The same messages answered by a conversation that holds nothing.
std::string fresh_reply(const Session &session, std::vector<Value> messages,
                        const std::string &source = kPlain) {
  Conversation talk = conversation(session, source);
  talk.set_messages(std::move(messages));
  return talk.reply({}).text;
}

std::vector<Value> without_last(std::vector<Value> messages) {
  messages.pop_back();
  return messages;
}

}  // namespace

TEST_CASE("The second turn computes its own text alone, however long the first one was") {
  for (const char *cache : {"dynamic", "paged", "quantized", "sink"}) {
    const Session session(config_of(cache));
    std::vector<int64_t> counts;
    for (const int sentences : {1, 20}) {
      Conversation talk = conversation(session);
      const Reply first = say(talk, story(sentences));
      CHECK(first.reused == 0);
      const Reply second = say(talk, "And then?");
      CHECK_FALSE(second.recomputed);
      CHECK(second.reused >= static_cast<int64_t>(first.prompt.size()));
      counts.push_back(computed(second));
    }
    INFO(cache << ": " << counts[0] << " and " << counts[1]);
    CHECK(counts[0] == counts[1]);
    CHECK(counts[0] < 12);
  }
}

TEST_CASE("Answers are those of a conversation that is computed anew") {
  const Session session(config_of("dynamic"));
  Conversation talk = conversation(session);
  for (const char *text : {"Once upon a time", "A cat came.", "It was happy."}) {
    const Reply reply = say(talk, text);
    CHECK(reply.text == fresh_reply(session, without_last(talk.messages())));
  }
}

TEST_CASE(
    "Where the template rewrites what was said, the common beginning is kept and the rest computed again, "
    "which is said") {
  const Session session(config_of("dynamic"));
  Conversation talk = conversation(session, kRewriting);
  const Reply first = say(talk, story(3));
  const Reply second = say(talk, "And then?");
  REQUIRE(second.recomputed);
  CHECK_THAT(*second.recomputed, Catch::Contains("the text differs from token "));
  CHECK(second.reused >= static_cast<int64_t>(first.prompt.size()));
  CHECK(second.text == fresh_reply(session, without_last(talk.messages()), kRewriting));

  const Session nothing_kept(config_of("none"));
  Conversation other = conversation(nothing_kept);
  say(other, story(3));
  CHECK(say(other, "And then?").reused == 0);
}

TEST_CASE("An answer that is taken back is made again behind the same cache") {
  const Session session(config_of("dynamic"));
  Conversation talk = conversation(session);
  CHECK_FALSE(talk.take_back_reply());
  const Reply first = say(talk, story(3));
  REQUIRE(talk.take_back_reply());
  const Reply again = talk.reply({});
  CHECK(again.text == first.text);
  CHECK(computed(again) == 1);
  CHECK_FALSE(again.recomputed);
}

TEST_CASE("A conversation that is reset computes everything again; its system prompt stays") {
  const Session session(config_of("dynamic"));
  Conversation talk = conversation(session);
  talk.set_system("Tell a story.");
  const Reply first = say(talk, "A mill.");
  talk.reset();
  REQUIRE(talk.messages().size() == 1);
  CHECK(talk.cache().info().tokens == 0);
  const Reply again = say(talk, "A mill.");
  CHECK(again.reused == 0);
  CHECK(again.text == first.text);
}

TEST_CASE("A long conversation through the cache sink stays in constant memory") {
#if defined(__SANITIZE_ADDRESS__)
  constexpr int turns = 40;
#else
  constexpr int turns = 200;
#endif
  const Session session(config_of("sink", "window_length = 64", 6));
  Conversation talk = conversation(session);
  int64_t most = 0, tokens = 0;
  for (int turn = 0; turn < turns; ++turn) {
    const Reply reply = say(talk, "The mill turned and turned.");
    CHECK(computed(reply) < 20);
    const auto info = talk.cache().info();
    if (turn < turns / 4) most = std::max(most, info.bytes_device + info.bytes_host);
    CHECK(info.bytes_device + info.bytes_host <= most);
    tokens = info.tokens;
  }
  CHECK(tokens > turns * 10);
}

TEST_CASE("A failure leaves the conversation as it was") {
  const Session session(config_of("dynamic"));
  Conversation talk =
      conversation(session, "{% if messages | length > 2 %}{{ raise_exception('too many') }}{% endif %}" +
                                std::string(kPlain));
  say(talk, "Once");
  const size_t before = talk.messages().size();
  talk.add(message("user", "again"));
  CHECK_THROWS_WITH(talk.reply({}), "test.jinja:1: too many");
  CHECK(talk.messages().size() == before + 1);
}

TEST_CASE("Another cache takes over a conversation, and answers go on as they would have") {
  const Session session(config_of("dynamic"));
  for (const char *name : {"paged", "static", "offloaded", "none"}) {
    INFO(name);
    Conversation talk = conversation(session), stays = conversation(session);
    say(talk, story(4));
    say(stays, story(4));
    const int64_t held = talk.cache().info().tokens;
    const Move move = talk.move_to(config_of(name));
    CHECK(talk.cache().plugin().name == std::string(name));
    const Reply reply = say(talk, "And then?"), expected = say(stays, "And then?");
    CHECK(reply.text == expected.text);
    const bool keeps = name != std::string("none");
    CHECK(move.why_not.has_value() != keeps);
    CHECK(move.imported == (keeps ? held : 0));
    if (keeps) CHECK(reply.reused == expected.reused);
  }
}

TEST_CASE(
    "A conversation whose cache finds no memory goes on with the next one, and answers as it would have") {
  const auto talk_of = [](const Session &session) {
    Conversation talk = conversation(session);
    std::vector<std::string> replies;
    int64_t held = 0;
    for (const int sentences : {12, 9, 5}) {
      replies.push_back(say(talk, story(sentences)).text);
      held = std::max(held, talk.cache().info().bytes_device);
    }
    return std::tuple(replies, std::string(talk.cache().plugin().name), talk.cache().host().memory().peak,
                      held);
  };
  const auto [expected, paged, peak_of_paged, budget] =
      talk_of(Session(config_of("paged", "block_size = 32")));
  auto config = config_of("dynamic");
  CHECK(std::get<2>(talk_of(Session(config))) > budget);
  config.memory_budget = budget;
  config.fallback = {{"paged", {{"block_size", {int64_t{32}, ""}}}}};
  const auto [replies, cache, peak, held] = talk_of(Session(config));
  CHECK(replies == expected);
  CHECK(cache == "paged");
  CHECK(peak <= budget);
}

TEST_CASE("The ids of a prefix come before those of the text, also when the conversation was forgotten") {
  const test::TemporaryFolder folder;
  auto config = config_of("dynamic");
  const Session plain(config);
  config.prefix.text = "There was a mill by the river.\n";
  config.prefix.folder = folder.path();
  const Session session(config);
  Conversation talk = conversation(session);
  const auto ids = prefix_ids(session);
  const auto expect_prefix = [&](const Reply &reply, bool restored) {
    REQUIRE(reply.prefix);
    CHECK(reply.prefix->restored == restored);
    CHECK(reply.reused == std::ssize(ids));
    CHECK(std::equal(ids.begin(), ids.end(), reply.prompt.begin()));
    Cache cache = session.open_cache(1, 200);
    const auto anew = generate(session.model(), cache, {{reply.prompt}, {}}, session.generation()).sequences;
    CHECK(anew == reply.result.sequences);
  };
  expect_prefix(say(talk, story(2)), false);
  const Reply second = say(talk, "And then?");
  CHECK_FALSE(second.prefix);
  CHECK(second.reused > std::ssize(ids) + 20);
  talk.reset();
  expect_prefix(say(talk, story(2)), true);
}

TEST_CASE("Messages come from a list, or an object that has one; what is wrong is named with its place") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "m.json";
  const auto read = [&](const std::string &text) {
    std::ofstream(file) << text;
    return read_messages(file);
  };
  const auto message_of = [&](const std::string &text) {
    try {
      read(text);
    } catch (const Error &error) {
      CHECK(error.kind() == ErrorKind::input);
      return std::string(error.what()).substr(file.string().size());
    }
    return std::string("accepted");
  };
  CHECK(read(R"([{"role": "user", "content": "a"}])").size() == 1);
  CHECK(
      read(
          R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, {"role": "assistant", "tool_calls": []}]})")
          .size() == 2);
  CHECK(message_of("[]") == ": holds no message");
  CHECK(message_of("{}") ==
        ": an object without 'messages'; expected a list of messages, or an object that has one");
  CHECK(message_of("3") == ": expected a list of messages, found a number");
  CHECK(message_of("[1]") == ": messages[0]: expected an object with 'role' and 'content', found a number");
  CHECK(message_of(R"([{"role": "user", "content": "a"}, {"rol": "user", "content": "a"}])") ==
        ": messages[1]: has no 'role'; did you mean 'rol'?");
  CHECK(message_of(R"([{"role": 1, "content": "a"}])") ==
        ": messages[0].role: expected a string, found a number");
  CHECK(message_of(R"([{"role": "user"}])") == ": messages[0]: has no 'content'");
  CHECK_THAT(message_of("[{]"), Catch::Contains("parse error"));
}

TEST_CASE("A conversation is written whole or not at all, and reads back as it was") {
  const test::TemporaryFolder folder;
  const std::vector<Value> messages{message("system", "Be \"brief\"."), message("user", "Grüße\n🦊")};
  write_messages(folder.path() / "a.json", messages);
  const auto again = read_messages(folder.path() / "a.json");
  REQUIRE(again.size() == 2);
  CHECK(templates::Value::list(again).weight() == templates::Value::list(messages).weight());
  CHECK(again[1].as_dict().find("content")->str() == "Grüße\n🦊");
  CHECK_THROWS_AS(write_messages(folder.path() / "absent" / "a.json", messages), Error);
  CHECK_THROWS_AS(write_messages(folder.path(), messages), Error);
  const auto pipe = folder.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(write_messages(pipe, messages), Catch::Contains("it is a device or a pipe"));
  CHECK(std::filesystem::is_fifo(pipe));
  std::filesystem::remove(pipe);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
