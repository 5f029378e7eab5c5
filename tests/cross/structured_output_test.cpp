// Output of a given form, log-probabilities, and what a terminal shows, as a user meets them.
#include <signal.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/child.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;

namespace {

Ran generate(std::vector<std::string> more) {
  more.insert(more.begin(), {program("kvern"), "generate", "--threads", "1", "--prompt", "Once upon a time"});
  return run(more);
}

Json generate_json(std::vector<std::string> more) {
  more.insert(more.end(), {"--output", "json"});
  const auto ran = generate(more);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return Json::parse(ran.out);
}

const std::string kSchema =
    R"({"type":"object","properties":{"name":{"enum":["Tim","Lily"]},"age":{"type":"integer","minimum":3,"maximum":12}},"required":["name","age"]})";

void check_person(const Json &sequence) {
  CHECK(sequence["finish_reason"] == "stop");
  const auto value = Json::parse(sequence["text"].get<std::string>());
  CHECK((value["name"] == "Tim" || value["name"] == "Lily"));
  CHECK((value["age"].is_number_integer() && value["age"] >= 3 && value["age"] <= 12));
}

}  // namespace

TEST_CASE(
    "Greedy, sampled and beamed texts meet a schema, in a flag and in a file beside the configuration") {
  const auto drawn = generate_json({"--response-format", kSchema, "--do-sample", "--seed", "3",
                                    "--num-return-sequences", "4", "--temperature", "3"})["sequences"];
  for (const auto &sequence : drawn) check_person(sequence);
  const auto results = generate_json(
      {"--response-format", kSchema, "--num-beams", "3", "--num-return-sequences", "3"})["sequences"];
  for (const auto &sequence : results) check_person(sequence);
  const TemporaryFolder folder;
  std::ofstream(folder / "person.json") << kSchema;
  std::ofstream(folder / "run.toml") << "[generation]\nresponse_format = \"person.json\"\n";
  check_person(generate_json({"--config", (folder / "run.toml").string(), "--cache", "paged"}));
}

TEST_CASE("A pattern keeps the text to it, on a cache that packs and with lookup in the prompt") {
  const auto json =
      generate_json({"--response-format", "regex:, there (was|lived) a (cat|dog)( and a (cat|dog))*\\.",
                     "--cache", "quantized", "--set", "generation.prompt_lookup_num_tokens=4"});
  CHECK(json["finish_reason"] == "stop");
  CHECK_THAT(json["text"].get<std::string>(),
             Catch::Matches(", there (was|lived) a (cat|dog)( and a (cat|dog))*\\."));
}

TEST_CASE("A form that cannot be had is refused, by flag or by file and line") {
  const auto refused = generate({"--response-format", R"({"not": {}})"});
  CHECK(refused.code == 3);
  CHECK_THAT(refused.err, Catch::Contains("#/not: the keyword is not supported"));
  CHECK_THAT(generate({"--response-format", "regex:(a"}).err,
             Catch::Contains("--response-format: a ')' is missing"));
  const TemporaryFolder folder;
  std::ofstream(folder / "run.toml") << "[generation]\nresponse_format = \"json_objekt\"\n";
  CHECK_THAT(generate({"--config", (folder / "run.toml").string()}).err,
             Catch::Contains("run.toml:2: response_format: there is no file 'json_objekt'") &&
                 Catch::Contains("did you mean 'json_object'?"));
  CHECK_THAT(generate({"--response-format", "json_object", "--set", "generation.stop_strings=[\".\"]"}).err,
             Catch::Contains("cannot be used with stop_strings"));
}

TEST_CASE("--logprobs gives the log-probability of each token and of the likeliest") {
  const auto json = generate_json({"--logprobs", "3", "--max-new-tokens", "6"});
  REQUIRE(json["logprobs"].size() == json["output_ids"].size());
  std::string text;
  for (size_t i = 0; i < json["logprobs"].size(); ++i) {
    const auto &token = json["logprobs"][i];
    CHECK(token["id"] == json["output_ids"][i]);
    CHECK(token["top"].size() == 3);
    CHECK(token["top"][0]["id"] == token["id"]);  // greedy
    CHECK(token["top"][0]["logprob"] == token["logprob"]);
    CHECK(token["top"][1]["logprob"].get<double>() <= token["logprob"].get<double>());
    double sum = 0;
    for (const auto &top : token["top"]) sum += std::exp(top["logprob"].get<double>());
    CHECK((sum > 0 && sum <= 1.0001));
    text += token["token"].get<std::string>();
  }
  CHECK(text.find(json["text"].get<std::string>().substr(1)) != std::string::npos);
  // of the model, whatever processors make of it
  const auto penalized = generate_json(
      {"--logprobs", "0", "--max-new-tokens", "1", "--set", "generation.repetition_penalty=1.0001"});
  CHECK(penalized["logprobs"][0]["logprob"].get<double>() ==
        Approx(json["logprobs"][0]["logprob"].get<double>()));
  CHECK(penalized["logprobs"][0]["top"].empty());
  CHECK_THAT(generate({"--logprobs", "3"}).err, Catch::Contains("use --output json"));
  CHECK_THAT(generate({"--logprobs", "3", "--output", "json", "--num-beams", "2"}).err,
             Catch::Contains("num_beams = 1"));
}

TEST_CASE("Without echo_prompt the text output is what follows the prompt") {
  const auto whole = generate({"--max-new-tokens", "5"}),
             rest = generate({"--max-new-tokens", "5", "--echo-prompt=false"});
  CHECK("Once upon a time" + rest.out == whole.out);
  Child child({program("kvern"), "generate", "--prompt", "Once upon a time", "--max-new-tokens", "5",
               "--echo-prompt=false"},
              Child::Output::terminal);
  const auto shown = child.finish();
  CHECK(shown.code == 0);
  CHECK(shown.out.find("Once upon a time") == std::string::npos);
}

TEST_CASE("A long run shows its speed and the time left on a terminal, and nothing elsewhere") {
  std::vector<std::string> slow{program("kvern"),   "generate", "--prompt", "Once upon a time",
                                "--threads",        "1",        "--cache",  "none",
                                "--max-new-tokens", "900",      "--set",    "generation.eos_token_id=[]",
                                "--output",         "json"};
  Child child(slow, Child::Output::terminal);
  CHECK(child.wait_for("generated: "));
  CHECK(child.wait_for(" / 900, "));
  CHECK(child.wait_for(" tokens/s, "));
  CHECK(child.wait_for(" s left"));
  child.send(SIGINT);
  const auto ran = child.finish();
  CHECK(ran.code == 130);
  const size_t erased = ran.out.rfind("\r\033[K");
  REQUIRE(erased != std::string::npos);
  CHECK(Json::parse(ran.out.substr(erased + 4))["finish_reason"] == "interrupted");
}
