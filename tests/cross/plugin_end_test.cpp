// A plugin that takes the program with it is named, with its verb, and the exit code is that of plugin errors.
#include <cstdlib>

#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern::test;

namespace {

/// A generation with a cache that has this defect.
Ran generate(const std::string &defect, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{
      program("kvern"),
      "generate",
      "--prompt",
      "Once upon a time",
      "--max-new-tokens",
      "3",
      "--threads",
      "1",
      "--cache",
      std::string(std::getenv("KVERN_BUILD_DIR")) + "/lib/kvern/test_plugins/broken/libkvern_defects.so",
      "--set",
      "cache_config.defect=\"" + defect + "\""};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run(arguments);
}

}  // namespace

TEST_CASE("a crash within a verb names the plugin and the verb, and ends with 5") {
  const Ran gather = generate("crashes", {"--num-beams", "2"});
  CHECK(gather.code == 5);
  CHECK(gather.err == "kvern: cache 'defects': a defect of the plugin: segmentation fault in gather\n");
  const Ran update = generate("aborts_in_update");
  CHECK(update.code == 5);
  CHECK(update.err == "kvern: cache 'defects': a defect of the plugin: aborted in update\n");
  CHECK(generate("crashes_in_destroy").err ==
        "kvern: cache 'defects': a defect of the plugin: segmentation fault in destroy\n");
}

TEST_CASE("a plugin that calls exit does not end the program with 0") {
  const Ran ran = generate("exits_in_update");
  CHECK(ran.code == 5);
  CHECK(ran.out.empty());
  CHECK(ran.err == "kvern: cache 'defects': a defect of the plugin: called exit in update\n");
}

TEST_CASE("a plugin without a defect ends with 0") {
  const Ran ran = generate("none");
  CHECK(ran.code == 0);
  CHECK(ran.err.empty());
}
