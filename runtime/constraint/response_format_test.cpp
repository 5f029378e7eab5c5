#include "runtime/constraint/response_format.hpp"

#include <fstream>

#include "runtime/constraint/testing/written.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::constraint;
using namespace kvern::test;

namespace {

Option text(const std::string &value) { return {value, ""}; }

Option table(const std::vector<std::pair<std::string, std::string>> &entries) {
  OptionTable result;
  for (const auto &[key, value] : entries) result.emplace_back(key, text(value));
  return {std::move(result), ""};
}

bool writes(const Option &format, const std::string &what, const std::filesystem::path &folder = {}) {
  auto machine = machine_of(response_language(format, folder, "run.toml:3: response_format"));
  return accepts(machine, what);
}

std::string refusal(const Option &format) {
  return error_text(ErrorKind::config, [&] { response_language(format, "", "run.toml:3: response_format"); });
}

}  // namespace

TEST_CASE("A format is a word, a pattern, a schema, a file, or a table that says which") {
  CHECK(writes(text("json_object"), "{}"));
  CHECK(writes(text("regex:[a-z]+"), "abc"));
  CHECK(writes(text(" {\"type\": \"null\"}"), "null"));
  CHECK(writes(table({{"type", "json_object"}}), "{}"));
  CHECK(writes(table({{"type", "regex"}, {"pattern", "[0-9]"}}), "7"));
  CHECK(writes(table({{"type", "json_schema"}, {"json_schema", R"({"const": 3})"}}), "3"));
}

TEST_CASE("The name of a schema's file is meant from the folder of the configuration") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "s.json") << R"({"enum": ["x"]})";
  CHECK(writes(text("s.json"), "\"x\"", folder.path()));
  CHECK(writes(table({{"type", "json_schema"}, {"json_schema", "s.json"}}), "\"x\"", folder.path()));
  CHECK(writes(text((folder.path() / "s.json").string()), "\"x\""));
  std::ofstream(folder.path() / "bad.json") << R"({"typ": "null"})";
  CHECK(refusal(text((folder.path() / "bad.json").string())).find("bad.json: #/typ: no keyword") !=
        std::string::npos);
}

TEST_CASE("What is no format is refused with its place and what would be one") {
  CHECK(refusal(text("json_objekt")).find("did you mean 'json_object'?") != std::string::npos);
  CHECK(refusal(text("json_objekt"))
            .starts_with("run.toml:3: response_format: there is no file 'json_objekt'"));
  CHECK(refusal(text("regex:(")).starts_with("run.toml:3: response_format: a ')' is missing"));
  CHECK(refusal(table({{"type", "xml"}})).find("known are json_object, json_schema, regex") !=
        std::string::npos);
  CHECK(refusal(table({{"type", "regex"}})).find("the key 'pattern' is missing") != std::string::npos);
  CHECK(refusal(table({{"type", "regex"}, {"patern", "a"}})).find("did you mean 'pattern'?") !=
        std::string::npos);
  CHECK(refusal(table({{"pattern", "a"}})).find("the key 'type' is missing") != std::string::npos);
}
