// The command line as a user meets it: what it prints, where, and with which exit code.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;

namespace {

Ran cli(std::vector<std::string> arguments, const std::string &input = "") {
  arguments.insert(arguments.begin(), program("kvern"));
  return run(arguments, input);
}

Json generate_json(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"generate", "--output", "json"});
  const auto ran = cli(arguments);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return Json::parse(ran.out);
}

const std::string kLlama = "tests/reference/decoders/models/llama";

}  // namespace

TEST_CASE("generate continues a prompt given as text, file, standard input or ids") {
  const std::vector<std::string> few{"generate", "--max-new-tokens", "8", "--threads", "1"};
  const auto with = [&](std::vector<std::string> more, const std::string &input = "") {
    more.insert(more.begin(), few.begin(), few.end());
    return cli(more, input);
  };
  const auto text = with({"--prompt", "Once upon a time"});
  CHECK(text.code == 0);
  CHECK(text.err.empty());
  CHECK_THAT(text.out, Catch::StartsWith("Once upon a time"));
  CHECK(with({}, "Once upon a time").out == text.out);

  const auto json =
      generate_json({"--prompt", "Once upon a time", "--max-new-tokens", "8", "--threads", "1"});
  std::string ids;
  for (const auto &id : json["input_ids"])
    ids.append(ids.empty() ? "" : ",").append(std::to_string(id.get<int>()));
  const auto again = generate_json({"--input-ids", ids, "--max-new-tokens", "8", "--threads", "1"});
  CHECK(again["output_ids"] == json["output_ids"]);
  CHECK("Once upon a time" + again["text"].get<std::string>() + "\n" == text.out);
  CHECK(with({"--input-ids", ids}).out == text.out);
}

TEST_CASE("One line break at the end of standard input is no part of the prompt, in a file it is") {
  const auto ids = [](const std::vector<std::string> &more, const std::string &input) {
    std::vector<std::string> all{"generate", "--output", "json", "--max-new-tokens", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return Json::parse(cli(all, input).out)["input_ids"];
  };
  const auto plain = ids({"--prompt", "Once"}, "");
  CHECK(ids({}, "Once\n") == plain);
  CHECK(ids({}, "Once\r\n") == plain);
  CHECK(ids({}, "\xEF\xBB\xBFOnce\n") == plain);
  CHECK(ids({}, "Once\n\n") == ids({"--prompt", "Once\n"}, ""));
  const auto file = std::filesystem::temp_directory_path() / "kvern_cli_test_prompt.txt";
  std::ofstream(file) << "\xEF\xBB\xBFOnce\n";
  CHECK(ids({"--prompt-file", file}, "") == ids({"--prompt", "Once\n"}, ""));
  std::filesystem::remove(file);
}

TEST_CASE("The JSON result has ids, text, reason, timings and the cache's bytes") {
  const auto json = generate_json({"--prompt", "Once", "--max-new-tokens", "5", "--cache", "static"});
  CHECK(json["output_ids"].size() == 5);
  CHECK(json["finish_reason"] == "length");
  CHECK(json["text"].is_string());
  CHECK(json["cache"]["implementation"] == "static");
  CHECK(json["cache"]["bytes"].get<int64_t>() > 0);
  CHECK(json["timings"]["decode_tokens"] == 4);
  CHECK(json["timings"]["prefill_seconds"].get<double>() > 0);
}

TEST_CASE("A seed makes sampling repeatable, and other seeds give other texts") {
  const auto sample = [](const std::string &seed) {
    return generate_json({"--prompt", "Once", "--max-new-tokens", "40", "--seed", seed, "--set",
                          "generation.do_sample=true", "--set", "generation.num_return_sequences=2", "--set",
                          "generation.temperature=1.5"});
  };
  const auto one = sample("1");
  CHECK(one["sequences"].size() == 2);
  CHECK(one["sequences"][0]["output_ids"] != one["sequences"][1]["output_ids"]);
  CHECK(sample("1")["sequences"] == one["sequences"]);
  CHECK(sample("2")["sequences"] != one["sequences"]);
}

TEST_CASE("A configuration file is obeyed, and flags override it") {
  const auto file = source_path("configs/static.toml");
  const auto json = generate_json({"--config", file, "--prompt", "Once", "--max-new-tokens", "3"});
  CHECK(json["cache"]["implementation"] == "static");
  const auto other = generate_json({"--config", file, "--cache", "none", "--set", "cache_config={}",
                                    "--prompt", "Once", "--max-new-tokens", "3"});
  CHECK(other["cache"]["implementation"] == "none");
  CHECK(other["output_ids"] == json["output_ids"]);
}

TEST_CASE("Every configuration in configs/ runs") {
  for (const std::string name : {"none", "dynamic", "static", "quantized", "offloaded", "offloaded_static",
                                 "sink", "evicting", "hybrid"})
    CHECK(generate_json({"--config", source_path("configs/" + name + ".toml"), "--prompt", "Once",
                         "--max-new-tokens", "3"})["cache"]["implementation"] == name);
}

TEST_CASE("The cache's limit ends a generation as the length does") {
  const auto json = generate_json({"--model", source_path(kLlama), "--input-ids", "5,6,7,8", "--cache",
                                   "static", "--set", "cache_config.max_cache_len=10", "--set",
                                   "generation.eos_token_id=[]", "--max-new-tokens", "50"});
  CHECK(json["finish_reason"] == "length");
  CHECK(json["output_ids"].size() == 7);  // 10 positions hold 4 + 6 tokens; the seventh new one is not fed
}

TEST_CASE("A text goes on beyond the model's positions with sink, and ends there with dynamic") {
  const auto generated = [](const std::vector<std::string> &cache) {
    std::vector<std::string> arguments{"--model", source_path(kLlama),          "--input-ids",      "5,6,7,8",
                                       "--set",   "generation.eos_token_id=[]", "--max-new-tokens", "300"};
    arguments.insert(arguments.end(), cache.begin(), cache.end());
    return generate_json(arguments)["output_ids"].size();
  };
  CHECK(generated({"--cache", "dynamic"}) == 253);  // of 256 positions; the last token is not fed
  CHECK(generated({"--cache", "sink", "--set", "cache_config.window_length=64"}) == 300);
}

TEST_CASE("caches lists the plugins and explains one") {
  const auto list = cli({"caches"});
  CHECK(list.code == 0);
  for (const std::string name : {"none", "dynamic", "static", "quantized", "offloaded", "offloaded_static"})
    CHECK_THAT(list.out, Catch::Contains("libkvern_" + name + ".so"));
  const auto one = cli({"caches", "static"});
  CHECK(one.code == 0);
  CHECK_THAT(one.out, Catch::Contains("max_cache_len") && Catch::Contains("integer"));
}

TEST_CASE("inspect shows the layers and what each cache takes per token") {
  const auto ran = cli({"inspect", source_path(kLlama), "--cache-dtype", "float32"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  const auto config = Json::parse(run({"cat", source_path(kLlama + "/config.json")}).out);
  const int64_t bytes = config["num_hidden_layers"].get<int64_t>() *
                        config["num_key_value_heads"].get<int64_t>() * config["head_dim"].get<int64_t>() * 2 *
                        4;
  CHECK_THAT(ran.out, Catch::Contains("llama") && Catch::Contains("dynamic") &&
                          Catch::Contains(std::to_string(bytes)));
  const auto line_of = [&](const std::string &cache) {
    const auto begin = ran.out.find("\n" + cache + " ");
    return begin == std::string::npos ? ""
                                      : ran.out.substr(begin + 1, ran.out.find('\n', begin + 1) - begin - 1);
  };
  CHECK_THAT(line_of("evicting"), Catch::Contains("bounded, at most "));
  for (const char *cache : {"dynamic", "quantized", "none", "static"})
    CHECK_THAT(line_of(cache), !Catch::Contains("bounded"));
}

TEST_CASE("bench measures decode by depth and prefill, as a table and as JSON") {
  const std::vector<std::string> arguments{
      "bench", "--model", source_path(kLlama), "--depths", "0,50",     "--prefill",     "16",
      "--new", "3",       "--repeats",         "2",        "--caches", "dynamic,static"};
  const auto table = cli(arguments);
  INFO(table.err);
  CHECK(table.code == 0);
  CHECK_THAT(table.out, Catch::Contains("prefill") && Catch::Contains("ms/step"));
  auto as_json = arguments;
  as_json.insert(as_json.end(), {"--output", "json", "--fill", "prefill", "--rows", "2"});
  if (GENERATE(false, true)) as_json.push_back("--turns");
  const auto json = Json::parse(cli(as_json).out);
  REQUIRE(json["results"].size() == 2);
  CHECK(json["resident_bytes_at_start"].get<int64_t>() > 0);
  for (const auto &result : json["results"]) {
    CHECK(result["decode"].size() == 2);
    CHECK(result["decode"][0]["steps_ms"].size() == 3);
    CHECK(result["decode"][0]["cpu_ms"].size() == 3);
    CHECK(result["peak_resident_bytes"].get<int64_t>() > result["weight_bytes"].get<int64_t>());
    CHECK(result["decode"][1]["depth"] == 50);
    CHECK(result["decode"][1]["rows"] == 2);
    CHECK(result["decode"][1]["cache_bytes_used"].get<int64_t>() >
          result["decode"][0]["cache_bytes_used"].get<int64_t>());
    CHECK(result["prefill"][0]["tokens_per_second_best"].get<double>() > 0);
  }
}

TEST_CASE("compare scores caches given by name, with options, and by file, in three forms") {
  const std::vector<std::string> arguments{"compare",
                                           "--text-file",
                                           source_path("bench/text/stories.txt"),
                                           "--cache",
                                           "static{max_cache_len = 64}",
                                           "--cache",
                                           source_path("configs/none.toml"),
                                           "--cache",
                                           "tiny_sink{window_length = 12}",
                                           "--plugin-path",
                                           program("../lib/kvern/test_plugins/proof"),
                                           "--context",
                                           "48",
                                           "--windows",
                                           "2",
                                           "--threads",
                                           "1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), arguments.begin(), arguments.end());
    const auto ran = cli(more);
    INFO(ran.err);
    CHECK(ran.code == 0);
    return ran.out;
  };
  const auto json = Json::parse(with({"--output", "json"}));
  CHECK(json["windows"] == 2);
  CHECK(json["scored_tokens"] == 2 * 47);
  CHECK(json["reference"]["effective_bits"] == 16);
  REQUIRE(json["results"].size() == 3);
  CHECK(json["results"][0]["kl"]["value"] == 0);
  CHECK(json["results"][0]["top1_agreement"]["low"] == 1);
  CHECK(json["results"][1]["bytes_per_token"] == 0);
  CHECK(json["results"][2]["kl"]["value"].get<double>() > json["noise_floor"]["kl"]["value"].get<double>());
  CHECK(json["results"][2]["max_logit_difference"].get<double>() > 0);
  const auto recalled = Json::parse(with({"--output", "json", "--recall", "10"}));
  CHECK(recalled["recall"] == 10);
  CHECK(recalled["scored_tokens"] == 2 * 10);
  CHECK_THAT(with({"--recall", "10"}), Catch::Contains("the last 10 of a window repeat a passage"));
  CHECK_THAT(with({}), Catch::Contains("static{max_cache_len = 64}") && Catch::Contains("noise floor"));
  CHECK_THAT(with({"--output", "markdown"}),
             Catch::Contains("| dynamic (reference) |") && Catch::Contains("|---|---:|"));
}

TEST_CASE("compare takes a configuration's cache where none is named, and any other as the reference") {
  const auto ran = cli({"compare", "--text-file", source_path("bench/text/stories.txt"), "--config",
                        source_path("configs/static.toml"), "--reference", "none", "--context", "40",
                        "--windows", "1", "--output", "json"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  const auto json = Json::parse(ran.out);
  CHECK(json["reference"]["cache"] == "none");
  CHECK(json["results"][0]["bytes_held"].get<double>() ==
        1024 * json["results"][0]["bytes_per_token"].get<double>());
  CHECK(json["results"][0]["kl"]["low"].is_null());
}

TEST_CASE("help is printed for the program and for each command") {
  CHECK(cli({"--help"}).code == 0);
  for (const std::string command : {"generate", "caches", "inspect", "bench", "compare"}) {
    const auto ran = cli({command, "--help"});
    CHECK(ran.code == 0);
    CHECK_THAT(ran.out, Catch::StartsWith("usage: kvern " + command));
  }
}

TEST_CASE("A cache reserves for the model's limit at most, whatever max_new_tokens asks for") {
  const auto bytes = [](const std::string &new_tokens) {
    const auto json =
        generate_json({"--model", source_path(kLlama), "--input-ids", "1,2,3", "--cache", "static",
                       "--max-new-tokens", new_tokens, "--set", "generation.eos_token_id=[]"});
    CHECK(json["finish_reason"] == "length");
    return json["cache"]["bytes"].get<int64_t>();
  };
  CHECK(bytes("100000") == bytes("9223372036854775807"));
  const auto dynamic =
      generate_json({"--model", source_path(kLlama), "--input-ids", "1,2,3", "--max-new-tokens",
                     "9223372036854775807", "--set", "generation.eos_token_id=[]"});
  CHECK(dynamic["output_ids"].size() > 100);
}
