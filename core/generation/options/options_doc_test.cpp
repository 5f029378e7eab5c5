// docs/configuration.md lists the options of generation as they are declared. To write the table anew:
// KVERN_WRITE_DOCS=1 options_doc_test
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <kvern/generation.hpp>
#include <sstream>

#include "tests/support/test.hpp"

using namespace kvern;

namespace {

constexpr const char *kBegin = "<!-- options of generation: begin -->\n";
constexpr const char *kEnd = "<!-- options of generation: end -->\n";

std::string default_text(const OptionDeclaration &d) {
  struct Words {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const {
      std::ostringstream text;
      text << v;
      return text.str();
    }
    std::string operator()(const std::string &v) const { return "\"" + v + "\""; }
    std::string operator()(const OptionTable &) const { return "{}"; }
    std::string operator()(const OptionArray &) const { return "[]"; }
  };
  const auto value = default_of(d);
  return value ? "`" + std::visit(Words(), value->value) + "`" : "none";
}

std::string table() {
  std::string text =
      "| key of `[generation]` | value | default | meaning | source |\n|---|---|---|---|---|\n";
  for (const OptionDeclaration *d : generation_options())
    text += "| `" + std::string(d->name) + "` | " + required_text(*d) + " | " + default_text(*d) + " | " +
            std::string(d->help) + " | " + std::string(d->source) + " |\n";
  return text;
}

std::string read(const std::filesystem::path &path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("docs/configuration.md lists the options of generation as they are declared") {
  const char *source = std::getenv("KVERN_SOURCE_DIR");
  const auto path = std::filesystem::path(source == nullptr ? "." : source) / "docs/configuration.md";
  std::string text = read(path);
  const size_t begin = text.find(kBegin), end = text.find(kEnd);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const size_t first = begin + std::string(kBegin).size();
  if (std::getenv("KVERN_WRITE_DOCS") != nullptr) {
    text.replace(first, end - first, table());
    std::ofstream(path) << text;
    return;
  }
  CHECK(text.substr(first, end - first) == table());
}
