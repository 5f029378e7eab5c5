#include "tests/support/test.hpp"

#include <kvern/plugin_registry.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/host/testing/message_of.hpp"

using namespace kvern;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using kvern::testing::kind_of;
using kvern::testing::message_of;
namespace fs = std::filesystem;

namespace {

const fs::path kHonest = fs::path(KVERN_TEST_PLUGINS) / "honest";
const fs::path kBroken = fs::path(KVERN_TEST_PLUGINS) / "broken";

/// The refusal of a broken plugin, without the path that it must begin with.
std::string refusal(const std::string &name) {
  const std::string said = message_of([&] { find_plugin(name, {kBroken}); });
  const std::string path = (kBroken / ("libkvern_" + name + ".so")).string() + ": ";
  CHECK_THAT(said, StartsWith(path));
  return said.substr(std::min(path.size(), said.size()));
}

}  // namespace

TEST_CASE("A plugin is found by its name, and is the same one every time") {
  const FoundPlugin found = find_plugin("toy", {kBroken, kHonest});
  CHECK(found.name == "toy");
  CHECK(found.path == kHonest / "libkvern_toy.so");
  REQUIRE(found.plugin != nullptr);
  CHECK(std::string(found.plugin->summary) == "a toy for tests");
  CHECK(find_plugin("toy", {kHonest}).plugin == found.plugin);
}

TEST_CASE("A plugin is found by a path, which may be relative") {
  const fs::path library = kHonest / "libkvern_toy.so";
  CHECK(find_plugin(library.string(), {}).name == "toy");
  const std::string relative = "./" + fs::relative(library).string();
  CHECK(find_plugin(relative, {}).plugin == find_plugin("toy", {kHonest}).plugin);
}

TEST_CASE("A plugin is found in a folder of the environment") {
  ::setenv("KVERN_PLUGIN_PATH", kHonest.c_str(), 1);
  const FoundPlugin found = find_plugin("toy", {});
  ::unsetenv("KVERN_PLUGIN_PATH");
  CHECK(found.path == kHonest / "libkvern_toy.so");
}

TEST_CASE(
    "A name that is nowhere is answered with the nearest one, those installed and the folders searched") {
  const auto action = [] { find_plugin("toyy", {kHonest, "/no/such"}); };
  CHECK(kind_of(action) == ErrorKind::plugin);
  const std::string message = message_of(action);
  CHECK_THAT(message, StartsWith("no cache plugin 'toyy'; did you mean 'toy'? installed: "));
  CHECK_THAT(message, Contains("toy; searched: " + kHonest.string() + ", /no/such (no such folder), "));
  CHECK_THAT(
      message_of([] { find_plugin("qwertyuiop", {"/no/such"}); }),
      StartsWith("no cache plugin 'qwertyuiop'; ") && Contains("searched: /no/such (no such folder), "));
}

TEST_CASE("A path where nothing is, or a folder, is refused") {
  CHECK(message_of([] { find_plugin("/no/such/libkvern_x.so", {}); }) ==
        "/no/such/libkvern_x.so: there is no such file");
  CHECK(refusal("folder") == "not a file, so no cache plugin");
}

TEST_CASE("A library of another ABI version is refused with both versions and what to do") {
  CHECK(refusal("too_new") ==
        "it has version 2.3 of the cache ABI, this host has 1.0: the plugin is too new, use a newer kvern or "
        "build it "
        "against this kvern's SDK");
  CHECK(refusal("too_old") ==
        "it has version 0.9 of the cache ABI, this host has 1.0: the plugin is too old, build it again "
        "against this "
        "kvern's SDK");
}

TEST_CASE("A plugin that is not called what its file is called is refused") {
  CHECK(refusal("wrong_name") ==
        "the plugin calls itself 'other_name', its file 'wrong_name': name the file libkvern_other_name.so");
}

TEST_CASE("What is no plugin, or no library, is refused in those words") {
  CHECK(refusal("no_symbol") == "not a cache plugin: it exports no function kvern_plugin_entry");
  CHECK_THAT(refusal("text_file"), StartsWith("the library cannot be loaded: ") && !Contains("dlerror"));
}

TEST_CASE("A library with an undefined symbol is refused at load time by the symbol's name") {
  CHECK_THAT(refusal("undefined_symbol"), StartsWith("the library cannot be loaded: undefined symbol: ") &&
                                              Contains("kvern_function_of_no_library"));
}

TEST_CASE("An entry function that throws or has no table is refused, the second time too") {
  for (int i = 0; i < 2; ++i) {
    CHECK(refusal("throws_in_entry") ==
          "kvern_plugin_entry threw an exception across the border: no licence");
    CHECK(refusal("null_table") ==
          "kvern_plugin_entry returned NULL; it must return the plugin's table, also for a host of another "
          "version");
  }
}

TEST_CASE("A plugin of another LibTorch is refused with the field that differs") {
  CHECK(refusal("other_torch") ==
        "it was built with torch=2.10.0, the host has torch=2.11.0: build it again against the host's "
        "LibTorch");
}

TEST_CASE("The list holds every library once, the broken ones with their refusal") {
  const std::vector<FoundPlugin> all = list_plugins({kHonest, kBroken});
  CHECK(std::is_sorted(all.begin(), all.end(), [](const auto &a, const auto &b) { return a.name < b.name; }));
  const auto named = [&](const std::string &name) {
    return *std::find_if(all.begin(), all.end(), [&](const FoundPlugin &p) { return p.name == name; });
  };
  CHECK(named("toy").plugin != nullptr);
  CHECK(named("toy").refusal.empty());
  CHECK(named("null_table").plugin == nullptr);
  CHECK_THAT(named("null_table").refusal, Contains("returned NULL"));
  CHECK_THAT(named("text_file").refusal, Contains("cannot be loaded"));
}

TEST_CASE("A file of the same name in an earlier folder hides the later one, even if it is broken") {
  const fs::path folder = fs::temp_directory_path() / ("kvern_registry_test_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  fs::copy_file(kBroken / "libkvern_text_file.so", folder / "libkvern_toy.so");
  const std::string said = message_of([&] { find_plugin("toy", {folder, kHonest}); });
  const std::vector<FoundPlugin> listed = list_plugins({kHonest, folder});
  fs::remove_all(folder);
  CHECK_THAT(said, StartsWith((folder / "libkvern_toy.so").string() + ": the library cannot be loaded"));
  CHECK(std::count_if(listed.begin(), listed.end(), [](const FoundPlugin &p) { return p.name == "toy"; }) ==
        1);
}

TEST_CASE("A link that leads nowhere is refused, and one to a plugin of another name too") {
  const fs::path folder = fs::temp_directory_path() / ("kvern_links_test_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  fs::create_symlink("/no/such/file", folder / "libkvern_dangling.so");
  fs::create_symlink(kHonest / "libkvern_toy.so", folder / "libkvern_alias.so");
  const std::string dangling = message_of([&] { find_plugin("dangling", {folder}); });
  const std::string alias = message_of([&] { find_plugin("alias", {folder}); });
  fs::remove_all(folder);
  CHECK_THAT(dangling, Contains("there is no such file"));
  CHECK_THAT(alias, Contains("the plugin calls itself 'toy', its file 'alias'"));
}
