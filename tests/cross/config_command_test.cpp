// kvern config, --cache-config and the options of caches as files: what is printed resolves to the same.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

namespace {

Ran cli(Words arguments) {
  arguments.insert(arguments.begin(), program("kvern"));
  return run(arguments);
}

std::string printed(const Words &arguments) {
  const auto ran = cli(arguments);
  INFO(ran.err);
  CHECK(ran.code == 0);
  return ran.out;
}

Words plus(Words words, const Words &more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void write(const std::string &file, const std::string &text) {
  std::ofstream(file, std::ios::binary) << text;
}

const std::vector<Words> kRuns{
    {},
    {"--cache", "static", "--set", "cache_config.max_cache_len=600", "--threads", "1", "--seed", "7"},
    {"--cache", "quantized", "--set", "cache_config={nbits = 2, axis_key = 1}", "--memory-budget", "1GiB"},
    {"--dtype", "bf16", "--temperature", "0.7", "--do-sample", "--top-k", "5", "--eos-token-id", "1,2"},
    {"--set", "generation.max_length=300", "--set", "generation.min_p=none", "--cache-dtype", "f16"},
    {"--max-new-tokens", "9223372036854775807", "--plugin-path", "plugins"}};

}  // namespace

TEST_CASE("The printed configuration resolves to itself, whole or as a difference, as TOML or JSON") {
  const TemporaryFolder folder;
  for (const auto &flags : kRuns)
    for (const Words &form :
         {Words{}, Words{"--output", "json"}, Words{"--diff"}, Words{"--diff", "--output", "json"}}) {
      const auto whole = printed(plus({"config"}, flags));
      const auto file = (folder / "run").string();
      write(file, printed(plus(plus({"config"}, flags), form)));
      INFO(whole);
      CHECK(printed({"config", "--config", file}) == whole);
      CHECK(printed({"config", "--config", file, "--output", "json"}) ==
            printed(plus({"config", "--output", "json"}, flags)));
    }
}

TEST_CASE("A difference names only what is not a default") {
  CHECK(printed({"config", "--diff", "--cache", "static", "--top-k", "5"})
            .find("cache_implementation = \"static\"\n") == 0);
  const auto json =
      Json::parse(printed({"config", "--diff", "--output", "json", "--top-k", "5", "--threads", "2"}));
  CHECK(json["threads"] == 2);
  CHECK(json["generation"]["top_k"] == 5);
  CHECK_FALSE(json.contains("cache_implementation"));
  CHECK_FALSE(json.contains("cache_config"));
}

TEST_CASE("Every value is explained by its source") {
  const TemporaryFolder folder;
  const auto file = (folder / "run.json").string();
  write(file, "{\"threads\": 2,\n\"generation\": {\"top_k\": 7}}");
  const auto text =
      printed({"config", "--config", file, "--explain", "--set", "generation.top_p=0.5", "--seed", "3"});
  const auto has = [&](const std::string &pattern) {
    INFO(pattern + "\n" + text);
    std::string plain;  // one blank for many
    for (const char c : text)
      if (c != ' ' || plain.back() != ' ') plain += c;
    CHECK(plain.find(pattern) != std::string::npos);
  };
  has("threads 2 " + file + ":1");
  has("generation.top_k 7 " + file + ":2");
  has("generation.top_p 0.5 --set generation.top_p=0.5");
  has("seed 3 --seed");
  has("generation.max_new_tokens 128 default");
  has("cache_implementation \"dynamic\" default");
  CHECK(printed({"generate", "--prompt", "x", "--config", file, "--explain"}).find("generation.top_k") !=
        std::string::npos);
}

TEST_CASE("Options of a cache are written as JSON, read by --cache-config, and the same afterwards") {
  const TemporaryFolder folder;
  const auto file = (folder / "cache.json").string();
  for (const std::string name : {"none", "dynamic", "static", "quantized"}) {
    const auto defaults = printed({"caches", name, "--output", "json"});
    write(file, defaults);
    CHECK(printed({"caches", name, "--cache-config", file, "--output", "json"}) == defaults);
    CHECK(printed({"caches", name, "--cache-config", file, "--output", "json", "--diff"}) == "{}\n");
    const auto ran =
        cli({"generate", "--cache", name, "--cache-config", file, "--prompt", "x", "--max-new-tokens", "2"});
    INFO(name << ran.err);
    CHECK(ran.code == 0);
  }
  CHECK(printed({"caches", "quantized{nbits = 2}", "--output", "json", "--diff"}) ==
        "{\n  \"nbits\": 2\n}\n");
  CHECK(printed({"caches", "quantized{nbits = 2}", "--output", "toml", "--diff"}) == "nbits = 2\n");
}

TEST_CASE("--cache-config is overridden by --set, and its unknown keys are all named with file and line") {
  const TemporaryFolder folder;
  const auto file = (folder / "cache.json").string();
  write(file, "{\"nbits\": 2,\n\"axis_key\": 1}");
  const auto json = Json::parse(printed({"config", "--cache", "quantized", "--cache-config", file, "--set",
                                         "cache_config.nbits=8", "--output", "json", "--diff"}));
  CHECK(json["cache_config"]["nbits"] == 8);
  CHECK(json["cache_config"]["axis_key"] == 1);
  write(file, "{\"nbit\": 2,\n\"axis_kee\": 1}");
  const auto ran = cli({"generate", "--cache", "quantized", "--cache-config", file, "--prompt", "x"});
  CHECK(ran.code == 3);
  CHECK_THAT(ran.err, Catch::Contains(file +
                                      ":1: cache 'quantized' has no options 'nbit' (did you mean 'nbits'?), "
                                      "'axis_kee' (" +
                                      file + ":2: did you mean 'axis_key'?)"));
}

TEST_CASE("The list of caches is JSON too") {
  const auto json = Json::parse(printed({"caches", "--output", "json"}));
  REQUIRE(json.size() >= 4);
  const auto dynamic =
      std::find_if(json.begin(), json.end(), [](const Json &cache) { return cache["name"] == "dynamic"; });
  REQUIRE(dynamic != json.end());
  CHECK((*dynamic)["offers"].is_array());
  CHECK((*dynamic)["summary"].is_string());
}

TEST_CASE("bench takes caches with options") {
  const auto json = Json::parse(
      printed({"bench", "--caches", "static{max_cache_len = 64},quantized{nbits = 2, axis_key = 1}",
               "--depths", "4", "--prefill", "", "--new", "1", "--output", "json"}));
  CHECK(json["results"][0]["cache_implementation"] == "static");
  CHECK(json["results"][1]["cache"] == "quantized{nbits = 2, axis_key = 1}");
}

TEST_CASE("Numbers beyond their range are refused by name, the largest integer is read as it stands") {
  for (const std::string number : {"1099511627776", "0", "1025", "9223372036854775808", "two"}) {
    const auto ran = cli({"generate", "--prompt", "x", "--threads", number});
    INFO(number);
    CHECK(ran.code == 3);
    CHECK_THAT(ran.err, Catch::Contains("threads"));
  }
  const auto json = Json::parse(printed({"config", "--seed", "9223372036854775807", "--output", "json"}));
  CHECK(json["seed"] == INT64_MAX);
}

TEST_CASE("An unknown cache lists those that are installed") {
  const auto ran = cli({"generate", "--prompt", "x", "--cache", "paged_attention_of_mine"});
  CHECK(ran.code == 5);
  CHECK_THAT(ran.err, Catch::Contains("installed: batching, dynamic, ") && Catch::Contains("static"));
}

TEST_CASE(
    "Each option of a run and of generation is in the documentation, with its default and what it does") {
  std::ifstream in(source_path("docs/configuration.md"));
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::istringstream rows(printed({"config", "--output", "markdown"}));
  for (std::string row; std::getline(rows, row);) {
    INFO("docs/configuration.md lacks this line: " << row);
    CHECK(text.find(row + "\n") != std::string::npos);
  }
}
