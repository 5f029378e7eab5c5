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
      "8",
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

TEST_CASE("with check_cache a cache that would give wrong tokens silently ends with 5 and is named") {
  struct Wrong {
    const char *defect, *says;
    std::vector<std::string> more;
  };
  const std::vector<Wrong> all{
      {"borrowed", "check_cache: update exports a key that is not finite (layer ", {}},
      {"off_by_one", "check_cache: view ", {}},
      {"nan", "check_cache: update exports a key that is not finite (layer 0, row 0, head 0, slot 0)", {}},
      {"swapped", "check_cache: the key of layer 0, row 0, head 0, at position 0, is the token's value", {}},
      {"forgets_reorder", ", is that of row ", {"--num-beams", "4"}},
      {"attend", "check_cache: attend of layer 0 gives another result than attention", {}},
      {"tokens", "check_cache: info says that ", {}},
      {"prints", "check_cache: update writes to standard output: update", {}},
  };
  for (const Wrong &wrong : all) {
    INFO(wrong.defect);
    std::vector<std::string> more{"--check-cache", "--cache-dtype", "float32"};
    more.insert(more.end(), wrong.more.begin(), wrong.more.end());
    const Ran ran = generate(wrong.defect, more);
    CHECK(ran.code == 5);
    CHECK_THAT(ran.err, Catch::StartsWith("kvern: cache 'defects': ") && Catch::Contains(wrong.says));
  }
}

TEST_CASE("check_cache changes nothing of what a right cache gives, whichever way tokens are chosen") {
  for (const std::vector<std::string> &more : {std::vector<std::string>{}, {"--num-beams", "3"}}) {
    std::vector<std::string> checked = more;
    checked.insert(checked.end(), {"--set", "check_cache=true"});
    const Ran ran = generate("none", checked);
    CHECK(ran.code == 0);
    CHECK(ran.err.empty());
    CHECK(ran.out == generate("none", more).out);
  }
}

TEST_CASE("a plugin without a defect ends with 0") {
  const Ran ran = generate("none");
  CHECK(ran.code == 0);
  CHECK(ran.err.empty());
}
