// Unanchored in a window while nothing beyond it matters, else anchored in windows of doubled length. The JIT runs on a
// stack of its own; a text too deep for it is matched again by the interpreter.
#include "runtime/tokenizer/text/regex_search.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <memory>
#include <new>

#include "kernels/thread_owned.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

// Of the fast code, from one start position in one window: thousands of times what words need.
constexpr uint32_t kFastMatchLimit = 2'000;
constexpr uint32_t kCountedMatchLimit = 100'000'000, kHeapLimitKiB = 256 * 1024;
constexpr size_t kBytesPerStep = 8;  // that a run of one character advances

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T *p) const {
    Free(p);
  }
};

std::string message_of(int code) {
  unsigned char buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char *>(buffer);
}

struct Counter {
  PatternSteps *steps;
  size_t position;
};

int count_step(pcre2_callout_block *block, void *data) {
  auto &counter = *static_cast<Counter *>(data);
  const size_t now = block->current_position;
  const size_t distance = now > counter.position ? now - counter.position : counter.position - now;
  counter.position = now;
  return counter.steps->take(1 + distance / kBytesPerStep) ? 0 : PCRE2_ERROR_CALLOUT;
}

}  // namespace

// What a search needs besides pattern and text. Made once a thread: the JIT's stack is a mapping of its own.
struct RegexSearch::Workspace {
  std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free>> data{pcre2_match_data_create(1, nullptr)};
  std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free>> context{
      pcre2_match_context_create(nullptr)};
  std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack_free>> stack{
      pcre2_jit_stack_create(32 * 1024, 8 * 1024 * 1024, nullptr)};
  Counter counter{};

  Workspace() {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_heap_limit(context.get(), kHeapLimitKiB);
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    pcre2_set_callout(context.get(), count_step, &counter);
  }
};

RegexSearch::Workspace &RegexSearch::workspace() { return kernels::ThreadOwned<Workspace>::get(); }

RegexSearch::RegexSearch(const CompiledPattern &pattern, std::string_view text, PatternSteps &steps,
                         size_t window)
    : pattern_(pattern), text_(text), steps_(steps), window_(window), work_(workspace()) {}

std::optional<Match> RegexSearch::from(size_t start) {
  while (true) {
    const size_t end = window_end(start, window_);
    const bool last = end == text_.size();
    pcre2_set_match_limit(work_.context.get(), kFastMatchLimit);
    const int result = match(pattern_.fast, start, end, last ? 0 : PCRE2_PARTIAL_HARD);
    take(1 + (end - start) / kBytesPerStep);
    size_t unresolved = start;
    if (result >= 0) {
      const Match m = found();
      if (last || m.begin < end) return m;
    }
    if (result == PCRE2_ERROR_NOMATCH || result >= 0) {
      if (last) return std::nullopt;
      start = end;
      continue;
    }
    if (result == PCRE2_ERROR_PARTIAL) unresolved = std::max(start, pcre2_get_startchar(work_.data.get()));
    if (const auto m = attempt(unresolved)) return m;
    if (unresolved >= text_.size()) return std::nullopt;
    start = unresolved + utf8_step(text_, unresolved).length;
  }
}

// A match that begins at `start`.
std::optional<Match> RegexSearch::attempt(size_t start) {
  const pcre2_code *counted = pattern_.counted();
  for (size_t length = 2 * window_;; length *= 2) {
    const size_t end = window_end(start, length);
    const bool last = end == text_.size();
    pcre2_set_match_limit(work_.context.get(), kCountedMatchLimit);
    work_.counter = {&steps_, start};
    take(1 + (end - start) / kBytesPerStep);
    const int result = match(counted, start, end, PCRE2_ANCHORED | (last ? 0 : PCRE2_PARTIAL_HARD));
    if (result >= 0) return found();
    if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (result == PCRE2_ERROR_CALLOUT) take(SIZE_MAX);
    if (result != PCRE2_ERROR_PARTIAL) fail(message_of(result));
  }
}

size_t RegexSearch::window_end(size_t start, size_t length) const {
  if (length >= text_.size() - start) return text_.size();
  size_t end = start + length;
  while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
  return end;
}

int RegexSearch::match(const pcre2_code *code, size_t start, size_t end, uint32_t options) {
  const auto run = [&](uint32_t more) {
    return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text_.data()), end, start,
                       options | more | PCRE2_NO_UTF_CHECK, work_.data.get(), work_.context.get());
  };
  const int result = run(0);
  return result == PCRE2_ERROR_JIT_STACKLIMIT ? run(PCRE2_NO_JIT) : result;
}

Match RegexSearch::found() const {
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(work_.data.get());
  return {range[0], range[1], true};
}

void RegexSearch::take(size_t steps) {
  if (!steps_.take(steps)) fail("it takes too many steps");
}

void RegexSearch::fail(const std::string &why) const {
  throw Error(ErrorKind::input, "the tokenizer's pattern " + in_quotes(pattern_.source) +
                                    " cannot be matched on this text of " + std::to_string(text_.size()) +
                                    " bytes: " + why);
}

}  // namespace kvern::tokenizer
