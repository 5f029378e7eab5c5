// An empty literal matches between all characters, as an empty expression does.
#include "runtime/tokenizer/text/pattern.hpp"

#include <stdexcept>

#include "runtime/support/printable.hpp"

namespace kvern::tokenizer {
namespace {

Regex compile(const JsonNode &node, const std::string &expression) {
  try {
    return Regex(expression);
  } catch (const std::invalid_argument &e) {
    node.fail("the expression " + in_quotes(expression) + " cannot be compiled: " + printable(e.what(), 500));
  }
}

std::variant<std::string, Regex> read(const JsonNode &node) {
  if (node.has("Regex")) return compile(node, node.at("Regex").string());
  if (!node.has("String")) node.fail("must be {\"String\": text} or {\"Regex\": expression}");
  std::string text = node.at("String").string();
  if (text.empty()) return Regex("");
  return text;
}

}  // namespace

Pattern::Pattern(const JsonNode &node) : what_(read(node)) {}

std::vector<Match> Pattern::find_all(std::string_view text, PatternSteps *steps) const {
  if (const auto *literal = std::get_if<std::string>(&what_)) return find_literal(text, *literal);
  const Regex &regex = std::get<Regex>(what_);
  return steps ? regex.find_all(text, *steps) : regex.find_all(text);
}

}  // namespace kvern::tokenizer
