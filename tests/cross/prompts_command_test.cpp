// kvern generate --prompts as a user meets it: lines in, lines out, in order, and what is done is not done twice.
#include <signal.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/support/child.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program("kvern"), "generate", "--threads", "1", "--cache", "paged"});
  return arguments;
}

std::string read(const fs::path &file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path &file, const std::string &text) { std::ofstream(file, std::ios::binary) << text; }

std::vector<Json> lines_of(const std::string &text) {
  std::vector<Json> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    lines.push_back(Json::parse(text.substr(at, end - at)));
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

std::string prompt_id(int number) { return std::string("p").append(std::to_string(number)); }

/// Ten prompts that end at different times.
std::string ten_prompts() {
  std::string text;
  for (int i = 0; i < 10; ++i) {
    Json line{{"prompt", std::string("Once upon a time there was a cat number ") + std::to_string(i)},
              {"id", prompt_id(i)},
              {"max_new_tokens", 30 - 3 * i}};
    if (i % 2) line.update({{"do_sample", true}, {"seed", 40 + i}});
    text += line.dump() + "\n";
  }
  return text;
}

bool mentions(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Results come as JSON lines in the order of the input, with ids and options of their lines") {
  const TemporaryFolder folder;
  write(folder / "in.jsonl", ten_prompts());
  const auto ran =
      run(command({"--prompts", folder / "in.jsonl", "--max-batch", "4", "--eos-token-id", "[]"}));
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(ran.err.empty());
  const auto lines = lines_of(ran.out);
  REQUIRE(lines.size() == 10);
  for (int i = 0; i < 10; ++i) {
    const Json &line = lines[static_cast<size_t>(i)];
    CHECK(line["line"] == i + 1);
    CHECK(line["id"] == prompt_id(i));
    CHECK(line["output_ids"].size() == static_cast<size_t>(30 - 3 * i));
    CHECK(line["finish_reason"] == "length");
    CHECK(line.contains("seed") == (i % 2 == 1));
  }
  for (const int i : {0, 3}) {  // as alone
    std::vector<std::string> alone{
        "--prompt",         "Once upon a time there was a cat number " + std::to_string(i),
        "--max-new-tokens", std::to_string(30 - 3 * i),
        "--output",         "json",
        "--eos-token-id",   "[]"};
    if (i % 2) alone.insert(alone.end(), {"--do-sample", "--seed", std::to_string(40 + i)});
    const Json single = Json::parse(run(command(alone)).out);
    CHECK(single["output_ids"] == lines[static_cast<size_t>(i)]["output_ids"]);
    CHECK(single["text"] == lines[static_cast<size_t>(i)]["text"]);
  }
}

TEST_CASE(
    "Lines that are wrong are reported with their numbers, the others are done, and the exit code says so") {
  const TemporaryFolder folder;
  write(folder / "in.jsonl",
        "{\"prompt\": \"One\"}\n"                           // 1
        "{\"prompt\": \"Two\"\n"                            // 2: no JSON
        "\n"                                                // 3: empty, left out
        "[1, 2]\n"                                          // 4: no object
        "{\"promt\": \"Three\"}\n"                          // 5: unknown key
        "{\"prompt\": 5}\n"                                 // 6
        "{\"prompt\": \"a\", \"input_ids\": [1]}\n"         // 7
        "{\"id\": 1}\n"                                     // 8
        "{\"prompt\": \"a\", \"top_p\": 1.5}\n"             // 9
        "{\"input_ids\": [5, 100000]}\n"                    // 10
        "{\"prompt\": \"a\", \"prompt\": \"b\"}\n"          // 11
        "{\"prompt\": \"a\xff\"}\n"                         // 12
        "{\"prompt\": \"a\", \"seed\": -1}\n"               // 13
        "{\"input_ids\": [5, 6, 7], \"id\": {\"x\": 1}}");  // 14, without a line break
  const auto ran = run(command({"--prompts", folder / "in.jsonl", "--max-new-tokens", "3"}));
  CHECK(ran.code == 6);
  const auto lines = lines_of(ran.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["line"] == 1);
  CHECK(lines[1]["line"] == 14);
  CHECK(lines[1]["id"] == Json{{"x", 1}});
  for (const char *part :
       {"in.jsonl:2: no JSON", "in.jsonl:4: expected an object",
        "in.jsonl:5: unknown key 'promt'; did you mean 'prompt'?", "in.jsonl:6: prompt: expected a string",
        "in.jsonl:7: prompt and input_ids: only one", "in.jsonl:8: no prompt",
        "in.jsonl:9: top_p: expected a number", "line 10: id 100000",
        "in.jsonl:11: the key 'prompt' comes twice", "in.jsonl:12: not UTF-8",
        "in.jsonl:13: seed: expected"}) {
    INFO(part << " in " << ran.err);
    CHECK(mentions(ran.err, part));
  }
}

TEST_CASE(
    "A run that was killed is continued: what is done stays, a half-written line is dropped, the order "
    "holds") {
  const TemporaryFolder folder;
  write(folder / "in.jsonl", ten_prompts());
  const fs::path out = folder / "out.jsonl";
  const std::vector<std::string> all{"--prompts", folder / "in.jsonl", "--max-batch",
                                     "3",         "--output-file",     out};
  REQUIRE(run(command(all)).code == 0);
  const std::string complete = read(out);
  REQUIRE(lines_of(complete).size() == 10);

  const auto again = run(command(all));
  CHECK(again.code == 8);
  CHECK(mentions(again.err, "exists; --resume continues it"));
  auto resume = all;
  resume.push_back("--resume");
  size_t fourth = 0;
  for (int i = 0; i < 4; ++i) fourth = complete.find('\n', fourth) + 1;
  for (const size_t size :
       {size_t{0}, size_t{5}, fourth, fourth + 20, complete.size() - 1, complete.size()}) {
    INFO("killed at byte " << size);
    write(out, complete.substr(0, size));
    CHECK(run(command(resume)).code == 0);
    CHECK(read(out) == complete);
  }
  fs::remove(out);
  CHECK(run(command(resume)).code == 0);
  CHECK(read(out) == complete);

  Child child(command(all), Child::Output::pipes);  // the file exists: --output-file is given anew
  child.finish();
  fs::remove(out);
  Child killed(command(all), Child::Output::pipes);
  for (int i = 0; i < 2000 && (!fs::exists(out) || fs::file_size(out) == 0); ++i) ::usleep(5000);
  killed.send(SIGKILL);
  killed.finish();
  CHECK(run(command(resume)).code == 0);
  CHECK(read(out) == complete);
}

TEST_CASE("Results of another file are not continued") {
  const TemporaryFolder folder;
  write(folder / "in.jsonl", "{\"prompt\": \"One\", \"id\": 1}\n{\"prompt\": \"Two\", \"id\": 2}\n");
  const auto message = [&](const std::string &written) {
    write(folder / "out.jsonl", written);
    const auto ran =
        run(command({"--prompts", folder / "in.jsonl", "--output-file", folder / "out.jsonl", "--resume"}));
    CHECK(ran.code == 6);
    CHECK(read(folder / "out.jsonl") == written);
    return ran.err;
  };
  CHECK(mentions(message("a text\n"), "out.jsonl:1: not a result of --prompts"));
  CHECK(mentions(message("{\"line\": 3, \"output_ids\": []}\n"), "a result of line 3 of another file"));
  CHECK(mentions(message("{\"line\": 1, \"id\": 7, \"output_ids\": []}\n"), "its id is 7"));
}

TEST_CASE("Options that contradict --prompts, or need it, are refused by name") {
  const TemporaryFolder folder;
  write(folder / "in.jsonl", "{\"prompt\": \"One\"}\n");
  const auto refused = [&](std::vector<std::string> more) {
    const auto ran = run(command(std::move(more)));
    CHECK(ran.code == 2);
    return ran.err;
  };
  const std::string in = folder / "in.jsonl";
  CHECK(mentions(refused({"--resume"}), "--resume needs --prompts"));
  CHECK(mentions(refused({"--prompts", in, "--resume"}), "--resume needs --output-file"));
  CHECK(mentions(refused({"--prompts", in, "--prompt", "x"}), "--prompts and --prompt: only one"));
  CHECK(mentions(refused({"--prompts", in, "--output", "srt"}), "--prompts prints lines of JSON"));
  CHECK(run(command({"--prompts", folder / "nothing.jsonl"})).code == 6);
}

TEST_CASE("A model whose rotation depends on the length runs the prompts one after another, and says so") {
  const TemporaryFolder folder;
  write(folder / "in.jsonl", "{\"input_ids\": [5, 6]}\n{\"input_ids\": [7]}\n");
  const auto ran = run(command({"--prompts", folder / "in.jsonl", "--max-new-tokens", "3", "--model",
                                source_path("tests/reference/decoders/models/llama_dynamic")}));
  CHECK(ran.code == 0);
  CHECK(mentions(ran.err, "depends on the length"));
  CHECK(mentions(ran.err, "the prompts run one after another"));
  CHECK(lines_of(ran.out).size() == 2);
}

TEST_CASE(
    "A memory budget holds for all prompts together; what does not fit alone is reported, or goes on with a "
    "fallback") {
  const TemporaryFolder folder;
  std::string text = ten_prompts();
  text += "{\"input_ids\": [5";
  for (int i = 0; i < 600; ++i) text += ", 6";
  text += "], \"max_new_tokens\": 4}\n";
  write(folder / "in.jsonl", text);
  const std::vector<std::string> small{"--prompts",       folder / "in.jsonl",
                                       "--set",           "cache_config.block_size=32",
                                       "--memory-budget", "600KB",
                                       "--cache-dtype",   "float32",
                                       "--stats"};
  const auto ran = run(command(small));
  INFO(ran.err);
  CHECK(ran.code == 7);
  CHECK(lines_of(ran.out).size() == 10);
  CHECK(mentions(ran.err, "line 11: "));
  CHECK(mentions(ran.err, "of 600.0 kB"));
  auto with_fallback = small;
  with_fallback.insert(with_fallback.end(), {"--fallback", "quantized{nbits = 2, residual_length = 0}"});
  const auto went = run(command(with_fallback));
  INFO(went.err);
  CHECK(mentions(went.err, "going on with 'quantized'"));
}
