#include "tests/support/test.hpp"

#include "core/host/search_path.hpp"

#include <cstdlib>

using namespace kvern;

TEST_CASE("The search path is the given folders, the environment's, and those beside the executable") {
  ::setenv("KVERN_PLUGIN_PATH", "/first::/second/x/..:", 1);
  const PluginPath folders = plugin_search_path({"relative", "/given/./folder"});
  ::unsetenv("KVERN_PLUGIN_PATH");
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  REQUIRE(folders.size() == 6);
  CHECK(folders[0] == std::filesystem::current_path() / "relative");
  CHECK(folders[1] == "/given/folder");
  CHECK(folders[2] == "/first");
  CHECK(folders[3] == "/second/");
  CHECK(folders[4] == program.parent_path() / "lib/kvern/plugins");
  CHECK(folders[5] == program / "lib/kvern/plugins");
}

TEST_CASE("A program that embeds kvern gives default folders in place of those beside the executable") {
  const PluginPath beside = plugin_search_path({});
  set_default_plugin_folders({"/package/plugins", "/other/package"});
  CHECK(plugin_search_path({"/given"}) == PluginPath{"/given", "/package/plugins", "/other/package"});
  set_default_plugin_folders(beside);
  CHECK(plugin_search_path({}) == beside);
}

TEST_CASE("A library's file name says what its plugin is called") {
  CHECK(library_file_name("dynamic") == "libkvern_dynamic.so");
  CHECK(name_of_library("/a/libkvern_dynamic.so") == "dynamic");
  CHECK(name_of_library("./libmine.so") == "mine");
  CHECK(name_of_library("mine.so") == "mine");
}
