// A compiled pattern that finds what Oniguruma finds, on PCRE2 (UTF, UCP, MULTILINE) with its JIT.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/text/match.hpp"

namespace kvern::tokenizer {

class Regex {
 public:
  /// `pattern` in Oniguruma's syntax. Throws std::invalid_argument that says what is wrong with it and where.
  explicit Regex(const std::string &pattern);
  Regex(Regex &&) noexcept;
  ~Regex();

  /// The whole text as an alternation of matches and what lies between (Match), for valid UTF-8.
  /// An empty match right behind a match doesn't count. Any thread. Throws Error (input) if a match takes too
  /// many steps.
  std::vector<Match> find_all(std::string_view text) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace kvern::tokenizer
