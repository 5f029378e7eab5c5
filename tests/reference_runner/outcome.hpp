// What became of one case.
#pragma once
#include <string>
#include <utility>

namespace kvern::reference {

struct Outcome {
  enum class Kind { passed, failed, skipped } kind = Kind::passed;
  std::string text;  ///< failed: what differs. skipped: "REASON" or "REASON: detail", REASON listed in
                     ///< docs/reference.md

  static Outcome pass() { return {}; }
  static Outcome fail(std::string text) { return {Kind::failed, std::move(text)}; }
  static Outcome skip(std::string text) { return {Kind::skipped, std::move(text)}; }
};

/// Thrown inside a case to end it with that outcome.
struct CaseEnd {
  Outcome outcome;
};

[[noreturn]] inline void fail(std::string text) { throw CaseEnd{Outcome::fail(std::move(text))}; }
[[noreturn]] inline void skip(std::string text) { throw CaseEnd{Outcome::skip(std::move(text))}; }

}  // namespace kvern::reference
