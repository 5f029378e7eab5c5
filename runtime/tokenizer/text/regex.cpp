// PCRE2 behind Regex. The JIT runs on a stack of its own; a text too deep for it is matched again by the
// interpreter.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/tokenizer/text/regex.hpp"

#include <pcre2.h>

#include <algorithm>
#include <kvern/error.hpp>
#include <new>
#include <optional>
#include <stdexcept>

#include "runtime/tokenizer/text/regex_syntax.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T *p) const {
    Free(p);
  }
};
using CodePtr = std::unique_ptr<pcre2_code, Deleter<pcre2_code_free>>;
using MatchDataPtr = std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free>>;
using MatchContextPtr = std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free>>;
using CompileContextPtr = std::unique_ptr<pcre2_compile_context, Deleter<pcre2_compile_context_free>>;
using JitStackPtr = std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack_free>>;

constexpr uint32_t kMinMatchLimit = 5'000'000, kHeapLimitKiB = 256 * 1024;
constexpr size_t kStepsPerByte = 10;

std::string message_of(int code) {
  unsigned char buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char *>(buffer);
}

// What a search needs besides pattern and text. Made once a thread: the JIT's stack is a mapping of its own.
struct Workspace {
  MatchDataPtr data{pcre2_match_data_create(1, nullptr)};
  MatchContextPtr context{pcre2_match_context_create(nullptr)};
  JitStackPtr stack{pcre2_jit_stack_create(32 * 1024, 8 * 1024 * 1024, nullptr)};

  Workspace() {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_heap_limit(context.get(), kHeapLimitKiB);
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

Workspace &workspace() {
  thread_local Workspace made;
  return made;
}

// One search after another in one text.
class Search {
 public:
  Search(const pcre2_code *code, const std::string &pattern, std::string_view text)
      : code_(code), pattern_(pattern), text_(text), work_(workspace()) {
    const size_t limit = kMinMatchLimit + kStepsPerByte * text.size();
    pcre2_set_match_limit(work_.context.get(), static_cast<uint32_t>(std::min<size_t>(limit, UINT32_MAX)));
  }

  std::optional<Match> from(size_t start) {
    int found = match(start, PCRE2_NO_UTF_CHECK);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = match(start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
    if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (found < 0)
      throw Error(ErrorKind::input, "the tokenizer's pattern '" + pattern_ +
                                        "' cannot be matched on this text of " +
                                        std::to_string(text_.size()) + " bytes: " + message_of(found));
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(work_.data.get());
    return Match{range[0], range[1], true};
  }

 private:
  int match(size_t start, uint32_t options) {
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(), start, options,
                       work_.data.get(), work_.context.get());
  }

  const pcre2_code *code_;
  const std::string &pattern_;
  std::string_view text_;
  Workspace &work_;
};

}  // namespace

struct Regex::Code {
  std::string pattern;
  CodePtr code;
};

Regex::Regex(const std::string &pattern) : code_(std::make_unique<Code>()) {
  const std::string translated = pcre2_pattern(pattern);
  const CompileContextPtr context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->pattern = pattern;
  code_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
                                  &offset, context.get()));
  if (!code_->code)
    throw std::invalid_argument(message_of(error) + " (at byte " + std::to_string(offset) + " of '" +
                                translated + "')");
  pcre2_jit_compile(code_->code.get(), PCRE2_JIT_COMPLETE);  // if there is no JIT, the interpreter does it
}

Regex::Regex(Regex &&) noexcept = default;
Regex::~Regex() = default;

std::vector<Match> Regex::find_all(std::string_view text) const {
  std::vector<Match> matches;
  Search search(code_->code.get(), code_->pattern, text);
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
