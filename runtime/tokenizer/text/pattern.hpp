// The `pattern` field of Split and Replace: literal text or a regular expression.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/tokenizer/load/json_node.hpp"
#include "runtime/tokenizer/text/regex.hpp"

namespace kvern::tokenizer {

class Pattern {
 public:
  /// {"String": "..."} or {"Regex": "..."}; anything else, or a wrong expression, is an Error (model).
  explicit Pattern(const JsonNode &node);
  /// As Regex::find_all. `steps` is what is left for the patterns of one text; nullptr: as for this text alone.
  std::vector<Match> find_all(std::string_view text, PatternSteps *steps) const;

 private:
  std::variant<std::string, Regex> what_;
};

}  // namespace kvern::tokenizer
