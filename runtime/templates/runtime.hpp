// What filters, tests and methods may ask of the interpreter that runs them.
#pragma once
#include <string>

#include "runtime/templates/budget.hpp"
#include "runtime/templates/value.hpp"

namespace kvern::templates {

class Runtime {
 public:
  explicit Runtime(const Limits &limits) : budget_(limits) {}
  virtual ~Runtime() = default;

  virtual Value call(const Value &callee, const Arguments &arguments) = 0;
  virtual Value call_filter(const std::string &name, const Value &value, const Arguments &arguments) = 0;
  virtual bool call_test(const std::string &name, const Value &value, const Arguments &arguments) = 0;
  /// Whether {% autoescape true %} is in force.
  virtual bool escapes() const = 0;
  /// The clock of the conversation in a format of strftime.
  virtual std::string format_now(const std::string &format) const = 0;

  /// Keeps an object that values may refer to in circles, and clears it when the rendering ends.
  virtual void keep(ObjectPtr object) = 0;

  Budget &budget() { return budget_; }
  /// Counts a walk over a value. Called before it is compared, searched, hashed or written.
  void walk(const Value &value) { budget_.step(1 + value.weight() / 16); }

 private:
  Budget budget_;
};

}  // namespace kvern::templates
