// What ends a template: inside, a text without a place; outside, one message with file and line.
#pragma once
#include <kvern/error.hpp>
#include <string>

namespace kvern::templates {

/// Thrown by values, filters, methods and operators; the interpreter adds file and line.
struct Failure {
  /// What Python would raise, where a filter or test of Jinja treats some kinds of failure as an answer.
  enum class Kind { type_error, value_error, lookup_error, undefined_error, overflow, limit, raised, other };

  Kind kind;
  std::string text;
};

[[noreturn]] inline void fail(Failure::Kind kind, std::string text) { throw Failure{kind, std::move(text)}; }
[[noreturn]] inline void type_error(std::string text) { fail(Failure::Kind::type_error, std::move(text)); }
[[noreturn]] inline void value_error(std::string text) { fail(Failure::Kind::value_error, std::move(text)); }

/// A template that is broken, or whose rendering failed: "FILE:LINE: TEXT". Of the kind `model`; `input` where the template
/// itself refused the conversation by raise_exception.
class TemplateError : public Error {
 public:
  TemplateError(const std::string &file, int line, const Failure &failure)
      : Error(failure.kind == Failure::Kind::raised ? ErrorKind::input : ErrorKind::model,
              file + ":" + std::to_string(line) + ": " + failure.text),
        text_(failure.text),
        line_(line),
        raised_(failure.kind == Failure::Kind::raised) {}

  const std::string &text() const { return text_; }  ///< without file and line
  int line() const { return line_; }
  bool raised() const { return raised_; }  ///< by the template's own raise_exception

 private:
  std::string text_;
  int line_;
  bool raised_;
};

}  // namespace kvern::templates
