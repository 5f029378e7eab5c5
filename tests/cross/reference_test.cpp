// The reference data kept here, and the folders of KVERN_REFERENCE_DIRS, replayed with each cache.
#include <filesystem>
#include <fstream>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;

namespace {

std::vector<std::string> folders() {
  auto list = reference_dirs();
  for (const auto *kept : {"decoders", "decoder_options"})
    list.push_back(source_path(std::string("tests/reference/") + kept));
  return list;
}

std::string last_line(const std::string &text) {
  const auto end = text.find_last_not_of('\n');
  const auto begin = text.find_last_of('\n', end);
  return text.substr(begin + 1, end - begin);
}

}  // namespace

TEST_CASE("Recorded outputs of transformers come out the same with every cache") {
  for (const std::string cache : {"dynamic", "static", "none", "quantized"})
    for (const auto &folder : folders()) {
      INFO(cache << " on " << folder);
      const auto ran = run({program("kvern-reference"), folder, "--cache", cache});
      INFO(ran.out << ran.err);
      CHECK(ran.code == 0);
      CHECK_THAT(last_line(ran.out), Catch::Contains(" passed, 0 failed, "));
    }
}

TEST_CASE("Recorded chat templates render the same text, and fail where transformers fails") {
  const auto ran = run({program("kvern-reference"), source_path("tests/reference/templates")});
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK_THAT(last_line(ran.out), Catch::Contains(" passed, 0 failed, 0 skipped"));
}

TEST_CASE("Rarer settings of families give the logits that transformers gives, at once and in steps") {
  const auto ran = run({program("kvern-reference"), source_path("tests/reference/family_options")});
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK_THAT(last_line(ran.out), Catch::Contains(" passed, 0 failed, 0 skipped"));
}

TEST_CASE("Recorded runs of models with an encoder come out the same with each cache in both halves") {
  for (const std::string cache : {"encoder_decoder", "dynamic", "static", "none", "paged"}) {
    INFO(cache);
    const auto ran =
        run({program("kvern-reference"), source_path("tests/reference/encoders"), "--cache", cache});
    INFO(ran.out << ran.err);
    CHECK(ran.code == 0);
    CHECK_THAT(last_line(ran.out), Catch::Contains(" passed, 0 failed, "));
  }
}

TEST_CASE("Recorded outputs of models with recurrent states come out the same through the cache mamba") {
  const auto ran =
      run({program("kvern-reference"), source_path("tests/reference/states/"), "--cache", "mamba"});
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK_THAT(last_line(ran.out), Catch::Contains(" passed, 0 failed, 0 skipped"));
}

TEST_CASE(
    "Recorded passes of recent families come out the same with every other lossless cache that can hold "
    "them") {
  for (const std::string cache : {"batching", "hybrid", "offloaded", "offloaded_static", "paged"}) {
    INFO(cache);
    const auto ran =
        run({program("kvern-reference"), source_path("tests/reference/recent"), "--cache", cache});
    INFO(ran.out << ran.err);
    CHECK(ran.code == 0);
    CHECK_THAT(last_line(ran.out), Catch::Contains(" passed, 0 failed, "));
  }
}

TEST_CASE("Operations on transformers' cache classes come out the same") {
  const auto ran = run({program("kvern-reference"), source_path("tests/reference/cache_classes")});
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK(last_line(ran.out) == "9 passed, 0 failed, 0 skipped");
}

TEST_CASE("Every recorded operation of kinds that are about caches comes out the same, none is skipped") {
  for (const auto &folder : folders()) {
    if (!std::filesystem::exists(folder + "/cases/sink_cache")) continue;
    const auto ran = run({program("kvern-reference"), folder, "--kind",
                          "sliding_window,sink_cache,cache_api,chunked_prefill"});
    INFO(folder << ran.out << ran.err);
    CHECK(ran.code == 0);
    CHECK_THAT(last_line(ran.out), Catch::Contains(" passed, 0 failed, 0 skipped"));
  }
}

TEST_CASE("A model that the named cache cannot hold is skipped with the cache's own words") {
  const auto ran = run({program("kvern-reference"), source_path("tests/reference/decoders"), "--kind",
                        "forward", "--cache", "sliding_window"});
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out,
             Catch::Contains("cache cannot hold the model: ") && Catch::Contains("sees all positions"));
  CHECK_THAT(last_line(ran.out), Catch::Contains(" passed, 0 failed, "));
}

TEST_CASE("A folder that nobody has seen is replayed by its content") {
  const TemporaryFolder folder;
  const std::string kept = source_path("tests/reference/decoders/");
  std::filesystem::create_directories(folder / "cases");
  std::filesystem::create_directories(folder / "models");
  std::filesystem::copy(kept + "models/llama", folder / "models" / "llama");
  for (const std::string end : {".json", ".safetensors"})
    std::filesystem::copy(kept + "cases/greedy/llama__dynamic_cache" + end,
                          folder / "cases" / ("seen_never" + end));
  const auto ran = run({program("kvern-reference"), folder.path().string()});
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  CHECK(last_line(ran.out) == "1 passed, 0 failed, 0 skipped");
}

TEST_CASE("A case with one wrong id fails and is named") {
  const TemporaryFolder folder;
  const std::string kept = source_path("tests/reference/decoders/");
  std::filesystem::create_directories(folder / "cases");
  std::filesystem::create_directories(folder / "models");
  std::filesystem::copy(kept + "models/llama", folder / "models" / "llama");
  const auto sed =
      run({"sed", "s/\\(\"max_new_tokens\": \\)24/\\123/", kept + "cases/greedy/llama__dynamic_cache.json"});
  std::ofstream(folder / "cases" / "wrong.json") << sed.out;
  const auto ran = run({program("kvern-reference"), folder.path().string()});
  CHECK(ran.code == 1);
  CHECK_THAT(ran.out, Catch::Contains("FAILED greedy/wrong: row 0, token "));
}

TEST_CASE("The runner fails where nothing passes, and for wrong arguments") {
  const TemporaryFolder folder;
  CHECK(run({program("kvern-reference"), folder.path().string()}).code == 1);
  CHECK(run({program("kvern-reference")}).code == 2);
  CHECK(run({program("kvern-reference"), "/no/such/folder"}).code == 6);
  CHECK(
      run({program("kvern-reference"), source_path("tests/reference/decoders"), "--cache", "dinamic"}).code ==
      5);
  CHECK(run({program("kvern-reference"), source_path("tests/reference/decoders"), "--kind", "gredy"}).code ==
        2);
}
