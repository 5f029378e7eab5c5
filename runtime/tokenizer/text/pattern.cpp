// An empty literal matches between all characters, as an empty expression does.
#include "runtime/tokenizer/text/pattern.hpp"

#include <stdexcept>

namespace kvern::tokenizer {
namespace {

Regex compile(const JsonNode &node, const std::string &expression) {
  try {
    return Regex(expression);
  } catch (const std::invalid_argument &e) {
    node.fail("the expression '" + expression + "' cannot be compiled: " + e.what());
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

std::vector<Match> Pattern::find_all(std::string_view text) const {
  if (const auto *literal = std::get_if<std::string>(&what_)) return find_literal(text, *literal);
  return std::get<Regex>(what_).find_all(text);
}

}  // namespace kvern::tokenizer
