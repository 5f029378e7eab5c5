#include <nlohmann/json.hpp>

#include "runtime/constraint/testing/slow_validator.hpp"
#include "runtime/constraint/testing/written.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::constraint;
using namespace kvern::test;

namespace {

std::string refusal(const std::string &schema) {
  return error_text(ErrorKind::config, [&] { schema_language(schema, "s.json"); });
}

bool writes(const std::string &schema, const std::string &text) {
  auto machine = machine_of(schema_language(schema, "s.json"));
  return accepts(machine, text);
}

}  // namespace

TEST_CASE("A schema's texts are those that jsonschema finds valid, among recorded ones") {
  const auto cases = constrained_cases();
  for (const auto &item : cases["schemas"]) {
    auto machine = machine_of(schema_language(item["schema"].dump(), item["name"]));
    for (const auto &text : item["valid"]) {
      INFO(item["name"] << ": " << text);
      CHECK(accepts(machine, text.get<std::string>()));
    }
    for (const auto &text : item["invalid"]) {
      INFO(item["name"] << ": " << text);
      CHECK_FALSE(accepts(machine, text.get<std::string>()));
    }
  }
}

TEST_CASE("Texts that a schema's machine writes by chance parse and meet the schema") {
  std::mt19937 random(1);
  size_t ended = 0;
  const auto cases = constrained_cases();
  for (const auto &item : cases["schemas"]) {
    auto machine = machine_of(schema_language(item["schema"].dump(), item["name"]));
    const nlohmann::json schema(item["schema"]);
    for (int i = 0; i < 8; ++i) {
      const auto text = written(machine, random);
      if (!text) continue;
      ++ended;
      INFO(item["name"] << ": " << *text);
      const auto value = nlohmann::json::parse(*text, nullptr, false);
      REQUIRE_FALSE(value.is_discarded());
      CHECK(meets(schema, schema, value));
    }
  }
  CHECK(ended > 300);
}

TEST_CASE("Any object is written for json_object, and nothing but objects") {
  auto machine = machine_of(object_language());
  CHECK(accepts(machine, R"({"a": [1, {"b": null}], "c d": "\u0001\n"})"));
  CHECK_FALSE(accepts(machine, "[]"));
  CHECK_FALSE(accepts(machine, "{\"a\": \"\n\"}"));
}

TEST_CASE("Names that are not named are written where additionalProperties asks for them") {
  const std::string named = R"({"type":"object","properties":{"a":{"type":"integer"}}})";
  CHECK_FALSE(writes(named, R"({"b":1})"));
  CHECK(writes(R"({"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":true})",
               R"({"b":[]})"));
  // a name that the schema gives has the schema that it gives
  CHECK_FALSE(writes(R"({"properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}})",
                     R"({"a":"x"})"));
}

TEST_CASE("A schema that nothing meets is refused, with the place that cannot be met") {
  const auto unmet = [](const std::string &schema, const std::string &path) {
    const std::string text = refusal(schema);
    INFO(text);
    return text.find("no value meets the schema") != std::string::npos &&
           text.find(path + " requires") != std::string::npos;
  };
  CHECK(unmet("false", "#"));
  CHECK(unmet(R"({"type":"integer","minimum":5,"maximum":4})", "#"));
  CHECK(unmet(R"({"type":"object","properties":{"a":{"enum":["x"],"minLength":2}},"required":["a"]})",
              "#/properties/a"));
  CHECK(unmet(R"({"allOf":[{"type":"string"},{"type":"integer"}]})", "#"));
  CHECK(unmet(R"({"type":"string","pattern":"^a{3}$","maxLength":2})", "#"));
  CHECK(unmet(R"({"type":"array","items":false,"minItems":1})", "#/items"));
  CHECK(unmet(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})", "#/properties/a"));
  // an alternative, or a property that may be left out, takes nothing away
  CHECK(writes(R"({"anyOf":[false,{"type":"null"}]})", "null"));
  CHECK(writes(R"({"type":"object","properties":{"a":false}})", "{}"));
}

TEST_CASE("Keywords that are not supported are refused by name and place, unknown ones with the nearest") {
  CHECK(refusal(R"({"not":{}})") ==
        "s.json: #/not: the keyword is not supported; take it out, or say it otherwise");
  CHECK(refusal(R"({"properties":{"a/b":{"if":{}}}})")
            .starts_with("s.json: #/properties/a~1b/if: the keyword is not supported"));
  CHECK(refusal(R"({"minLenght":2})") ==
        "s.json: #/minLenght: no keyword that is known; did you mean 'minLength'?");
  CHECK(refusal(R"({"type":"array","uniqueItems":true})").find("uniqueItems") != std::string::npos);
  CHECK(refusal(R"({"type":"number","multipleOf":0.1})").find("whole numbers") != std::string::npos);
  CHECK(refusal(R"({"format":"iri"})").find("supported are date, time") != std::string::npos);
  CHECK(refusal(R"({"$ref":"http://x/y"})").find("of the same document") != std::string::npos);
  CHECK(refusal(R"({"$ref":"#/nowhere"})").find("there is nothing at '#/nowhere'") != std::string::npos);
}

TEST_CASE("Values of a wrong type, and what is no schema, are refused with their place") {
  CHECK(refusal("{").starts_with("s.json: no JSON"));
  CHECK(refusal("3") == "s.json: #: a schema is an object, true or false");
  CHECK(refusal(R"({"a":1,"a":2})").find("'a' occurs twice") != std::string::npos);
  CHECK(refusal(R"({"type":"strin"})").find("'strin' is no type; did you mean 'string'?") !=
        std::string::npos);
  CHECK(refusal(R"({"minLength":-1})").find("a whole number from 0") != std::string::npos);
  CHECK(refusal(R"({"minimum":"1"})").find("#/minimum: expected a number") != std::string::npos);
  CHECK(refusal(R"({"required":"a"})").find("expected a list of names") != std::string::npos);
  CHECK(refusal(R"({"properties":[]})").find("expected an object") != std::string::npos);
  CHECK(refusal(R"({"pattern":"(a"})").starts_with("s.json: #/pattern: a ')' is missing"));
  CHECK(refusal(std::string(200, '[') + std::string(200, ']')).find("nested more than 100 deep") !=
        std::string::npos);
}

TEST_CASE("A schema that leads to itself without a value between is refused, one with a value is not") {
  CHECK(refusal(R"({"$ref":"#"})").find("refers to itself without a value between") != std::string::npos);
  CHECK(refusal(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})").find("refers to itself") != std::string::npos);
  CHECK(writes(R"({"type":"array","items":{"$ref":"#"}})", "[[],[[]]]"));
  // one schema that is reached in two ways is none that leads to itself
  CHECK(writes(R"({"$defs":{"s":{"type":"string"}},"allOf":[{"$ref":"#/$defs/s"},{"$ref":"#/$defs/s"}]})",
               "\"a\""));
}

TEST_CASE("oneOf is taken where its schemas exclude each other, and refused where they may not") {
  CHECK(refusal(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})")
            .find("#/oneOf: a value that meets schema 0 may meet schema 1") != std::string::npos);
  CHECK(refusal(R"({"oneOf":[{"type":"string"},{"type":"string","maxLength":3}]})").find("oneOf") !=
        std::string::npos);
  CHECK(writes(R"({"oneOf":[{"type":"string","pattern":"^a"},{"type":"string","pattern":"^b"}]})", "\"bc\""));
  // within each other, and with values that are listed
  CHECK(
      refusal(R"({"oneOf":[{"type":"integer","oneOf":[{"type":"string"},{"enum":[1]}]},{"type":"number"}]})")
          .find("oneOf") != std::string::npos);
  CHECK(refusal(R"({"oneOf":[{"oneOf":[{"enum":[1,2]},{"enum":[2,3]}]},{"type":"null"}]})").find("oneOf") !=
        std::string::npos);
  CHECK(writes(R"({"oneOf":[{"enum":["a",1]},{"enum":["b",2]}]})", "2"));
}
