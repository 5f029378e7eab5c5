// A compiled pattern that finds what Oniguruma finds, on PCRE2 (UTF, UCP, MULTILINE) with its JIT.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/text/match.hpp"
#include "runtime/tokenizer/text/pattern_steps.hpp"

namespace kvern::tokenizer {

class Regex {
 public:
  /// `pattern` in Oniguruma's syntax. Throws std::invalid_argument that says what is wrong with it and where.
  explicit Regex(const std::string &pattern);
  Regex(Regex &&) noexcept;
  ~Regex();

  /// The whole text as an alternation of matches and what lies between (Match), for valid UTF-8.
  /// An empty match right behind a match doesn't count. Any thread. Throws Error (input), which names the pattern, when
  /// the steps are used up.
  std::vector<Match> find_all(std::string_view text) const;
  std::vector<Match> find_all(std::string_view text, PatternSteps &steps, size_t window = 256) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace kvern::tokenizer
