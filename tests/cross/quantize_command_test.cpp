// kvern quantize as a user meets it.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

const std::string kDemo = source_path("models/demo"), kText = source_path("bench/text/stories.txt");

Ran quantize(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program("kvern"), "quantize"});
  return run(arguments);
}

std::string bytes_of(const fs::path &file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("A quantized folder is said to be made, is smaller, and continues a prompt; twice it is not made") {
  const TemporaryFolder folder;
  const std::string out = (folder / "q").string();
  const Ran made = quantize({kDemo, out, "--bits", "8"});
  REQUIRE(made.code == 0);
  CHECK_THAT(made.out, Contains(out + ": ") && Contains("matrices packed"));
  CHECK(fs::file_size(folder / "q" / "model.safetensors") * 10 <
        fs::file_size(kDemo + "/model.safetensors") * 6);
  const Ran text = run({program("kvern"), "generate", "--model", out, "--prompt", "Once upon a time",
                        "--max-new-tokens", "8"});
  CHECK(text.code == 0);
  CHECK_THAT(text.out, Catch::StartsWith("Once upon a time"));
  const Ran again = quantize({kDemo, out, "--bits", "8"});
  CHECK(again.code == 8);
  CHECK_THAT(again.err, Contains("exists already"));
  const Ran twice = quantize({out, (folder / "r").string(), "--bits", "4"});
  CHECK(twice.code == 4);
  CHECK_THAT(twice.err, Contains("quantized already ('kvern', 8 bits)"));
  CHECK_FALSE(fs::exists(folder / "r"));
}

TEST_CASE("A text changes what is stored, always to the same bytes") {
  const TemporaryFolder folder;
  std::vector<std::string> weights;
  for (const std::string name : {"plain", "text", "again"}) {
    std::vector<std::string> arguments = {kDemo, (folder / name).string(), "--bits", "4"};
    if (name != "plain")
      arguments.insert(arguments.end(), {"--text", kText, "--context", "128", "--windows", "4"});
    REQUIRE(quantize(arguments).code == 0);
    weights.push_back(bytes_of(folder / name / "model.safetensors"));
  }
  CHECK(weights[0].size() == weights[1].size());
  CHECK(weights[0] != weights[1]);
  CHECK(weights[1] == weights[2]);
}

TEST_CASE("Wrong options of quantize are refused in one line each, and nothing is left behind") {
  const TemporaryFolder folder;
  const std::string out = (folder / "q").string();
  const auto refused = [&](std::vector<std::string> more, int code, const std::string &text) {
    more.insert(more.begin(), {kDemo, out});
    const Ran ran = quantize(more);
    INFO(ran.err);
    CHECK(ran.code == code);
    CHECK_THAT(ran.err, Contains(text));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(fs::is_empty(folder.path()));
  };
  refused({}, 2, "--bits: is missing; 8 or 4");
  refused({"--bits", "5"}, 2, "--bits: expected 8 or 4, found 5");
  refused({"--bits", "4", "--embedding-bits", "5"}, 2, "--embedding-bits: expected 16, 8 or 4, found 5");
  refused({"--bits", "4", "--embedding-bits", "4"}, 4, "asks for weights.head_bits = 4");
  refused({"--bits", "4", "--windows", "4"}, 2, "--windows: is of --text, which is missing");
  refused({"--bits", "4", "--text", kText, "--context", "1"}, 2, "--context: expected at least 2, found 1");
  refused({"--bits", "4", "--text", kText, "--context", "9000"}, 6,
          "--context 9000: the model takes at most 1024 tokens");
  refused({"--bits", "4", "--text", "/no/such/text"}, 6, "--text");
}
