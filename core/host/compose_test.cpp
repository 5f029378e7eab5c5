#include "tests/support/test.hpp"

#include <kvern/abi/compose.h>
#include <kvern/options.hpp>
#include <kvern/plugin_registry.hpp>

using namespace kvern;
using Catch::Matchers::StartsWith;

TEST_CASE("A plugin finds another by name, and has its options checked") {
  const PluginPath path = {std::filesystem::path(KVERN_TEST_PLUGINS) / "honest"};
  const auto *compose = static_cast<const kvern_compose_1 *>(compose_extension(path));
  CHECK(compose_extension(path) == compose);
  CHECK(compose_extension({}) != compose);
  kvern_error error{};
  error.struct_size = sizeof error;

  const kvern_plugin *found = compose->find(compose->ctx, "toy", &error);
  REQUIRE(found == find_plugin("toy", path).plugin);
  CHECK(compose->find(compose->ctx, "toyy", &error) == nullptr);
  CHECK(error.code == KVERN_INVALID_ARGUMENT);
  CHECK_THAT(error.message, StartsWith("no cache plugin 'toyy'; did you mean 'toy'?"));
  CHECK(compose->find(compose->ctx, nullptr, &error) == nullptr);

  const AbiOptions good(OptionTable{{"nbits", {int64_t{4}, ""}}}), bad(OptionTable{{"nbits", {true, ""}}});
  CHECK(compose->check_options(compose->ctx, found, good.data(), good.size(), &error) == KVERN_OK);
  CHECK(compose->check_options(compose->ctx, found, bad.data(), bad.size(), &error) ==
        KVERN_INVALID_ARGUMENT);
  CHECK(std::string(error.message) == "option 'nbits' of cache 'toy' must be an integer, not true");
}

TEST_CASE("A message that is longer than the plugin's buffer is cut at a whole character") {
  const auto *compose = static_cast<const kvern_compose_1 *>(compose_extension({}));
  kvern_error error{};
  error.struct_size = sizeof error;
  std::string name = "x";
  while (name.size() < 600) name += "\u00f8";
  CHECK(compose->find(compose->ctx, name.c_str(), &error) == nullptr);
  const std::string message = error.message;
  CHECK(message.size() == 502);
  CHECK_THAT(message, Catch::Matchers::EndsWith("\u00f8"));
}
