// Ctrl-C while the real program works: what was made is kept, the exit code is 130, a second one ends it at once.
#include <signal.h>

#include <nlohmann/json.hpp>

#include "tests/support/child.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;

namespace {

/// A long generation with a cache that keeps nothing.
std::vector<std::string> generate(std::vector<std::string> more) {
  more.insert(more.begin(), {program("kvern"), "generate", "--threads", "1"});
  return more;
}

std::vector<std::string> slow_decode(const std::string &form) {
  return generate({"--prompt", "Once upon a time", "--cache", "none", "--max-new-tokens", "1000", "--set",
                   "generation.eos_token_id=[]", "--output", form});
}

/// Token by token, on the slowest kernels.
std::vector<std::string> slow_prefill(const std::string &form) {
  std::string ids = "1";
  for (int i = 0; i < 8000; ++i) ids += ",5";
  auto command = generate({"--input-ids", ids, "--max-new-tokens", "4", "--dtype", "float32", "--set",
                           "generation.prefill_chunk_size=1", "--allow-beyond-context", "--output", form});
  command.insert(command.begin(), {"/usr/bin/env", "KVERN_CPU=portable"});
  return command;
}

}  // namespace

TEST_CASE("SIGINT and SIGTERM in decode keep the tokens made so far, as one complete JSON object") {
  for (const int signal : {SIGINT, SIGTERM}) {
    Child child(slow_decode("json"), Child::Output::pipes);
    CHECK_FALSE(child.wait_for("never printed", 2));
    child.send(signal);
    const auto ran = child.finish();
    CHECK(ran.code == 130);
    const auto json = Json::parse(ran.out);
    CHECK(json["finish_reason"] == "interrupted");
    CHECK(json["output_ids"].size() > 0);
    CHECK(json["output_ids"].size() < 1000);
    CHECK(json["sequences"][0]["text"] == json["text"]);
    CHECK(ran.err.empty());
  }
}

TEST_CASE("SIGINT in decode on a terminal ends the line that was being written") {
  Child child(slow_decode("text"), Child::Output::terminal);
  REQUIRE(child.wait_for("Once upon a time"));
  child.send(SIGINT);
  const auto ran = child.finish();
  CHECK(ran.code == 130);
  CHECK_THAT(ran.out, Catch::EndsWith("\n"));
}

TEST_CASE("SIGINT in prefill stops between steps and prints the prompt alone") {
  Child child(slow_prefill("json"), Child::Output::terminal);
  REQUIRE(child.wait_for("prefill:"));
  child.send(SIGINT);
  const auto ran = child.finish();
  CHECK(ran.code == 130);
  const size_t erased = ran.out.rfind("\r\033[K");
  REQUIRE(erased != std::string::npos);
  const auto json = Json::parse(ran.out.substr(erased + 4));
  CHECK(json["output_ids"].empty());
  CHECK(json["finish_reason"] == "interrupted");
}

TEST_CASE("SIGINT within one long pass of prefill ends that pass and prints the prompt alone") {
#if defined(__SANITIZE_ADDRESS__)
  constexpr int tokens = 6000;  // half a minute
#else
  constexpr int tokens = 16000;
#endif
  std::string ids = "1";
  for (int i = 0; i < tokens; ++i) ids += ",5";
  auto command = generate({"--input-ids", ids, "--max-new-tokens", "4", "--dtype", "float32",
                           "--allow-beyond-context", "--output", "json"});
  command.insert(command.begin(), {"/usr/bin/env", "KVERN_CPU=portable"});
  Child child(command, Child::Output::pipes);
  CHECK_FALSE(child.wait_for("never printed", 2));
  child.send(SIGINT);
  const auto ran = child.finish(120);
  CHECK(ran.code == 130);
  const auto json = Json::parse(ran.out);
  CHECK(json["output_ids"].empty());
  CHECK(json["finish_reason"] == "interrupted");
}

TEST_CASE("A second SIGINT ends the program at once, with the progress line taken away") {
  Child slow(slow_prefill("json"), Child::Output::terminal);
  REQUIRE(slow.wait_for("prefill:"));
  slow.send(SIGSTOP);  // so that both signals wait for it
  slow.send(SIGINT);
  slow.send(SIGTERM);
  slow.send(SIGCONT);
  const auto ran = slow.finish(20);
  CHECK(ran.code == 130);
  CHECK_THAT(ran.out, Catch::EndsWith("\r\033[K"));
}
