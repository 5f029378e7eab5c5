// Any text is a language or one clear refusal; what is written by its machine, byte by byte, is accepted by it. The first bytes choose
// what is written, the rest is the schema or "regex:" and a pattern.
#include <cstdint>
#include <cstdlib>
#include <kvern/error.hpp>
#include <string>
#include <string_view>

#include "runtime/constraint/byte_machine.hpp"
#include "runtime/constraint/response_format.hpp"

namespace {

using kvern::constraint::ByteMachine;
using kvern::constraint::Language;

constexpr size_t kChoices = 24, kMaxBytes = 200;

Language language_of(std::string_view text) {
  if (text.starts_with("regex:")) return kvern::constraint::regex_language(text.substr(6), "response_format");
  return kvern::constraint::schema_language(text, "response_format");
}

/// Takes the n-th byte that may follow, n by the input. A state that is neither complete nor goes on is an error.
void write(ByteMachine &machine, std::string_view choices) {
  auto state = machine.start();
  for (size_t i = 0; i < kMaxBytes; ++i) {
    if (!machine.goes_on(state)) {
      if (!machine.complete(state)) std::abort();
      return;
    }
    const auto first = static_cast<uint8_t>(choices.empty() ? 0 : choices[i % choices.size()]);
    auto next = ByteMachine::kDead;
    for (int step = 0; step < 256 && next == ByteMachine::kDead; ++step)
      next = machine.next(state, static_cast<uint8_t>(first + step));
    if (next == ByteMachine::kDead) std::abort();
    state = next;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view all(reinterpret_cast<const char *>(data), size);
  const std::string_view choices = all.substr(0, kChoices);
  try {
    Language language = language_of(all.substr(choices.size()));
    ByteMachine machine(std::move(language.grammar), language.rule);
    write(machine, choices);
  } catch (const kvern::Error &error) {
    if (error.kind() != kvern::ErrorKind::config) std::abort();
  }
  return 0;
}
