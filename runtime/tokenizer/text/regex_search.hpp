// One search of a compiled pattern after another in one text, in time that is bounded by steps.
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/tokenizer/text/match.hpp"
#include "runtime/tokenizer/text/pattern_steps.hpp"

namespace kvern::tokenizer {

/// A pattern compiled twice: `counted` calls back at every item (PCRE2_AUTO_CALLOUT) and is made on demand.
struct CompiledPattern {
  const pcre2_code *fast;
  std::function<const pcre2_code *()> counted;
  const std::string &source;  ///< for messages
};

/// PCRE2 counts steps per start position and runs of one character as one, so a match limit alone does not bound the
/// time of a search: `.(?=.*x)` is quadratic within it. A search therefore sees a window of the text and learns by
/// PCRE2_PARTIAL_HARD whether a longer text could change the result; what needs more than a window is matched by the
/// counted code.
class RegexSearch {
 public:
  static constexpr size_t kWindow = 256;
  /// `text` is valid UTF-8. `steps` may be shared with other searches. A small `window` is for tests.
  RegexSearch(const CompiledPattern &pattern, std::string_view text, PatternSteps &steps,
              size_t window = kWindow);

  /// The first match that begins at `start` or behind. Throws Error (input) that names the pattern when the steps are used
  /// up or PCRE2's limits of memory are reached.
  std::optional<Match> from(size_t start);

 private:
  struct Workspace;
  static Workspace &workspace();
  size_t window_end(size_t start, size_t length) const;
  int match(const pcre2_code *code, size_t start, size_t end, uint32_t options);
  std::optional<Match> attempt(size_t start);
  Match found() const;
  void take(size_t steps);
  [[noreturn]] void fail(const std::string &why) const;

  const CompiledPattern &pattern_;
  std::string_view text_;
  PatternSteps &steps_;
  size_t window_;
  Workspace &work_;
};

}  // namespace kvern::tokenizer
