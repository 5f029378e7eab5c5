// Compiles patterns by PCRE2 and covers a text with their matches.
#include "runtime/tokenizer/text/regex.hpp"

#include <kvern/error.hpp>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>

#include "runtime/tokenizer/text/regex_search.hpp"
#include "runtime/tokenizer/text/regex_syntax.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

struct FreeCode {
  void operator()(pcre2_code *code) const { pcre2_code_free(code); }
};
using CodePtr = std::unique_ptr<pcre2_code, FreeCode>;

struct FreeContext {
  void operator()(pcre2_compile_context *context) const { pcre2_compile_context_free(context); }
};

CodePtr compile(const std::string &pattern, uint32_t more_options) {
  constexpr uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  const std::unique_ptr<pcre2_compile_context, FreeContext> context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  CodePtr code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                             kOptions | more_options, &error, &offset, context.get()));
  if (!code) {
    unsigned char reason[256];
    pcre2_get_error_message(error, reason, sizeof reason);
    throw std::invalid_argument(std::string(reinterpret_cast<const char *>(reason)) + " (at byte " +
                                std::to_string(offset) + " of '" + pattern + "')");
  }
  pcre2_jit_compile(code.get(),
                    PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);  // without a JIT the interpreter does it
  return code;
}

}  // namespace

struct Regex::Code {
  std::string source, translated;
  CodePtr fast;
  std::once_flag once;
  CodePtr counted;  // made by the first search that needs it

  const pcre2_code *counted_code() {
    std::call_once(once, [this] { counted = compile(translated, PCRE2_AUTO_CALLOUT); });
    return counted.get();
  }
};

Regex::Regex(const std::string &pattern) : code_(std::make_unique<Code>()) {
  code_->source = pattern;
  code_->translated = pcre2_pattern(pattern);
  code_->fast = compile(code_->translated, 0);
}

Regex::Regex(Regex &&) noexcept = default;
Regex::~Regex() = default;

std::vector<Match> Regex::find_all(std::string_view text) const {
  PatternSteps steps(text.size());
  return find_all(text, steps);
}

std::vector<Match> Regex::find_all(std::string_view text, PatternSteps &steps, size_t window) const {
  std::vector<Match> matches;
  const CompiledPattern pattern{code_->fast.get(), [this] { return code_->counted_code(); }, code_->source};
  RegexSearch search(pattern, text, steps, window);
  size_t start = 0, covered = 0;
  std::optional<size_t> last_end;
  while (start <= text.size()) {
    const std::optional<Match> found = search.from(start);
    if (!found) break;
    if (found->begin == found->end && found->end == last_end) {
      start += start < text.size() ? utf8_step(text, start).length : 1;
      continue;
    }
    start = found->end;
    last_end = found->end;
    if (found->begin < covered || found->end < found->begin)
      continue;  // \K or a lookaround moved the bounds back
    if (covered != found->begin) matches.push_back({covered, found->begin, false});
    matches.push_back(*found);
    covered = found->end;
  }
  if (covered != text.size()) matches.push_back({covered, text.size(), false});
  return matches;
}

}  // namespace kvern::tokenizer
