// The arguments of a filter, test, method or function by the names of its parameters.
#pragma once
#include <initializer_list>
#include <string>
#include <vector>

#include "runtime/templates/value.hpp"

namespace kvern::templates {

class Parameters {
 public:
  /// Binds as Python does; the first `required` must be given. A name of "" stands for a parameter that has only its place.
  /// Fails with Python's messages.
  Parameters(const char *function, const Arguments &arguments, std::initializer_list<const char *> names,
             size_t required = 0);

  bool has(size_t i) const { return values_[i] != nullptr; }
  const Value &operator[](size_t i) const { return *values_[i]; }
  /// The value, or None.
  Value or_none(size_t i) const { return has(i) ? *values_[i] : Value(); }

  const std::string &text(size_t i) const;  ///< must be a text
  int64_t integer(size_t i) const;          ///< must be an integer
  int64_t integer(size_t i, int64_t otherwise) const { return has(i) ? integer(i) : otherwise; }
  /// Whether the value is true; `otherwise` where it is not given.
  bool flag(Runtime &runtime, size_t i, bool otherwise) const;

 private:
  const char *function_;
  std::vector<const Value *> values_;
};

/// Fails unless there are no arguments.
void take_no_arguments(const char *function, const Arguments &arguments);

}  // namespace kvern::templates
