// What a language accepts, and texts that it writes by chance, for tests.
#pragma once
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "runtime/constraint/byte_machine.hpp"
#include "runtime/constraint/response_format.hpp"

namespace kvern::test {

using constraint::ByteMachine;

inline nlohmann::ordered_json constrained_cases() {
  std::ifstream in(std::string(std::getenv("KVERN_SOURCE_DIR")) + "/tests/reference/constrained/cases.json");
  return nlohmann::ordered_json::parse(in);
}

inline bool accepts(ByteMachine &machine, std::string_view text) {
  auto state = machine.start();
  for (const char c : text)
    if (state != ByteMachine::kDead) state = machine.next(state, static_cast<uint8_t>(c));
  return state != ByteMachine::kDead && machine.complete(state);
}

inline ByteMachine machine_of(constraint::Language language) {
  return ByteMachine(std::move(language.grammar), language.rule);
}

/// Ends where it may, by chance; nullopt: it did not within `most` bytes.
inline std::optional<std::string> written(ByteMachine &machine, std::mt19937 &random, size_t most = 400) {
  std::string text;
  auto state = machine.start();
  while (text.size() < most && state != ByteMachine::kDead) {
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte)
      if (machine.next(state, static_cast<uint8_t>(byte)) != ByteMachine::kDead)
        bytes += static_cast<char>(byte);
    if (bytes.empty() || (machine.complete(state) && random() % 3 == 0)) return text;
    // what ends strings, lists and objects more often than by chance
    const size_t closing = bytes.find_first_of("\"]}");
    const bool close = closing != std::string::npos && random() % 3 == 0;
    text += close ? bytes[closing] : bytes[random() % bytes.size()];
    state = machine.next(state, static_cast<uint8_t>(text.back()));
  }
  return {};
}

}  // namespace kvern::test
