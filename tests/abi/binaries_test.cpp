// Plugin binaries that were built when a version of the contract was recorded: each loads and keeps the rules, also in this version.
#include <cstdlib>
#include <filesystem>

#include "check/check.hpp"
#include "check/elf.hpp"
#include "tests/support/test.hpp"

using namespace kvern::conformance;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> recorded_plugins() {
  std::vector<fs::path> found;
  for (const auto &entry :
       fs::recursive_directory_iterator(fs::path(std::getenv("KVERN_SOURCE_DIR")) / "tests/abi/data"))
    if (entry.path().extension() == ".so") found.push_back(entry.path());
  return found;
}

}  // namespace

TEST_CASE("every recorded plugin binary loads and keeps the rules") {
  const auto plugins = recorded_plugins();
  CHECK(plugins.size() >= 4);
  for (const fs::path &plugin : plugins) {
    INFO(plugin.string());
    CHECK(fs::file_size(plugin) < 100000);
    CHECK(read_elf(plugin.string()).never_unloaded);
    CheckSettings settings;
    settings.library = plugin.string();
    settings.quick = true;
    settings.rules = {"1.1", "1.2", "1.3", "1.4", "1.5",  "1.6",  "1.7", "1.8", "2.1", "2.2", "2.3", "3.1",
                      "3.4", "3.5", "3.8", "3.9", "3.11", "3.12", "4.1", "4.7", "5.1", "5.2", "6.1", "6.3"};
    for (const RuleResult &rule : check_plugin(settings).rules) {
      INFO(rule.id << ": " << rule.text);
      CHECK(rule.state == State::kept);
    }
  }
}
