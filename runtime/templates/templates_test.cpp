// Chat templates: small ones as Jinja2 has rendered them, messages with file and line, and limits.
#include <ctime>
#include <fstream>

#include "runtime/support/read_file.hpp"
#include "runtime/templates/chat_template.hpp"
#include "runtime/templates/json_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::templates;

namespace {

std::tm recorded_clock() {
  std::tm clock = {};
  strptime("2026-02-03T04:05:06", "%Y-%m-%dT%H:%M:%S", &clock);
  return clock;
}

std::string render(const std::string &source, const Dict &variables = {}, const Limits &limits = {}) {
  return ChatTemplate(source, "t.jinja").render(variables, recorded_clock(), limits);
}

/// The text, or the message of the failure.
std::string outcome(const std::string &source, const Dict &variables = {}, const Limits &limits = {}) {
  try {
    return render(source, variables, limits);
  } catch (const TemplateError &error) {
    return error.what();
  }
}

/// What differs from the recorded outcome, or nothing.
std::string difference(const Dict &recorded, const Dict &variables) {
  const Value *error = recorded.find("error");
  try {
    const std::string found = render(recorded.find("template")->str(), variables);
    if (error) return "rendered: " + found;
    const std::string &expected = recorded.find("rendered")->str();
    return found == expected ? "" : "expected: " + expected + "\n   found: " + found;
  } catch (const TemplateError &found) {
    if (!error) return std::string("failed: ") + found.what();
    const Dict &wanted = error->as_dict();
    const std::string &message = wanted.find("message")->str();
    const bool raised = wanted.find("raised")->as_bool();
    return raised == found.raised() && (!raised || found.text() == message)
               ? ""
               : "failed otherwise: " + found.text();
  }
}

}  // namespace

TEST_CASE("Small templates render as Jinja2 has rendered them, and fail where it fails") {
  std::ifstream in(test::source_path("tests/reference/templates/snippets.jsonl"));
  std::string line;
  REQUIRE(std::getline(in, line));
  Dict variables = from_json(line, "variables", ErrorKind::input).as_dict().find("variables")->as_dict();
  variables.set("tools", Value());
  variables.set("documents", Value());
  int count = 0;
  for (; std::getline(in, line); ++count) {
    const Value recorded = from_json(line, "snippet", ErrorKind::input);
    INFO(recorded.as_dict().find("template")->str());
    CHECK(difference(recorded.as_dict(), variables) == "");
  }
  CHECK(count > 800);
}

TEST_CASE("A failure names file and line, and what would be right") {
  CHECK(outcome("\n\n{{ x.y }}") == "t.jinja:3: 'x' is undefined");
  CHECK(outcome("{% if true %}\n{{ 'a' | uper }}{% endif %}") ==
        "t.jinja:2: No filter named 'uper'; did you mean 'upper'?");
  CHECK(outcome("a\n{{ 'a' is sting }}") == "t.jinja:2: No test named 'sting'; did you mean 'string'?");
  CHECK(outcome("{% for x in y %}\n{% endif %}") ==
        "t.jinja:2: Encountered unknown tag 'endif'. Jinja was looking for the following tags: 'endfor' or "
        "'else'. The "
        "innermost block that needs to be closed is 'for'.");
  CHECK(outcome("{{ 1 +\n }}") == "t.jinja:2: unexpected 'end of print statement'");
  CHECK(outcome("{% macro m(x) %}\n{{ x.y.z }}\n{% endmacro %}\n\n{{ m({}) }}") ==
        "t.jinja:2: 'dict object' has no attribute 'y'");
  CHECK(outcome("\n{{ raise_exception('no') }}") == "t.jinja:2: no");
  CHECK(outcome("{% include 'x' %}") ==
        "t.jinja:1: {% include %} needs another template; a chat template is one file");
  CHECK(outcome("{{ 'a' | wordwrap }}") ==
        "t.jinja:1: the filter 'wordwrap' is not offered in chat templates");
  CHECK(outcome("a\n\xff") == "t.jinja:2: the template is not UTF-8");
}

TEST_CASE("What a template refuses itself is an error of the input, a broken template one of the model") {
  const auto kind = [](const std::string &source) {
    try {
      render(source);
    } catch (const TemplateError &error) {
      return error.kind();
    }
    return ErrorKind::internal;
  };
  CHECK(kind("{{ raise_exception('no') }}") == ErrorKind::input);
  CHECK(kind("{{ 1 / 0 }}") == ErrorKind::model);
  CHECK(kind("{% if %}") == ErrorKind::model);
}

TEST_CASE("A template that would not end, or take all memory, is ended") {
  Limits limits;
  limits.steps = 100000;
  limits.bytes = 1 << 20;
  limits.value_bytes = 1 << 16;
  const auto message = [&](const std::string &source) { return outcome(source, {}, limits); };
  const auto has = [](const char *text) { return Catch::Contains(text); };
  CHECK_THAT(message("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"),
             has("100000 steps"));
  CHECK_THAT(
      message(
          "{% set ns = namespace(x='a') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"),
      has("65536 bytes"));
  CHECK_THAT(message("{{ 'a' * 99999999999 }}"), has("65536 bytes"));
  CHECK_THAT(message("{{ [1] * 99999999999 }}"), has("65536 bytes"));
  CHECK_THAT(message("{{ 'a'.ljust(99999999999) }}"), has("65536 bytes"));
  CHECK_THAT(message("{{ '%99999999d' % 1 }}"), has("65536 bytes"));
  CHECK_THAT(message("{{ '{:99999999}'.format(1) }}"), has("65536 bytes"));
  CHECK_THAT(message("{{ 'aaaa'.replace('', 'b' * 60000) }}"), has("65536 bytes"));
  CHECK_THAT(message("{% for a in range(9999) %}{{ 'a' * 1000 }}{% endfor %}"), has("bytes"));
  CHECK_THAT(message("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), has("nests more than"));
  CHECK_THAT(message("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), has("nests more than"));
  CHECK_THAT(
      message("{% set ns = namespace(x=[]) %}{% for a in range(999) %}{% set ns.x = [ns.x] %}{% endfor %}"),
      has("deep"));
  CHECK_THAT(message("{% set ns = namespace(x=[]) %}{% for a in range(999) %}{% set ns.x = ns.x | "
                     "map('list') %}{% endfor %}"),
             has("deep"));
  CHECK_THAT(message("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}"), has("nests more than"));
  CHECK_THAT(message("{% set ns = namespace(x=[1]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% "
                     "endfor %}{{ ns.x }}"),
             has("t.jinja:1: "));
  CHECK_THAT(message("{{ " + std::string(3000, '(') + "1" + std::string(3000, ')') + " }}"),
             has("nested more than"));
  CHECK_THAT(message("{{ 1" +
                     [] {
                       std::string s;
                       for (int i = 0; i < 5000; ++i) s += " + 1";
                       return s;
                     }() +
                     " }}"),
             has("nested more than"));
  CHECK_THAT(message([] {
               std::string s;
               for (int i = 0; i < 500; ++i) s += "{% if true %}";
               return s;
             }()),
             has("nested more than"));
}

TEST_CASE("Namespaces that hold each other are freed") {  // the address sanitizer tells
  CHECK(render("{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{% macro m() %}{% "
               "endmacro %}{% set a.m = m %}x") == "x");
}
