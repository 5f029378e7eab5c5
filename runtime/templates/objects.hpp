// The objects that templates make by global functions and change: namespace, cycler, joiner.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

/// {% set ns.x = ... %}
class Namespace : public Object {
 public:
  Namespace(Budget &budget, Dict attributes) : budget_(budget), attributes_(std::move(attributes)) {}
  void set(const std::string &name, Value value) { attributes_.set(Value(name), std::move(value)); }
  std::string type_name() const override { return "Namespace"; }
  std::string repr() const override;
  std::optional<Value> attribute(Runtime &, const std::string &name) override;
  void clear() override { attributes_ = Dict(); }

 private:
  Budget &budget_;
  Dict attributes_;
};

class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(Runtime &, const std::string &name) override;
  Value next();
  void reset() { place_ = 0; }
  void clear() override { items_.assign(1, Value()), place_ = 0; }

 private:
  std::vector<Value> items_;
  size_t place_ = 0;
};

class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string type_name() const override { return "Joiner"; }
  bool is_callable() const override { return true; }
  Value call(Runtime &, const Arguments &arguments) override;

 private:
  Value separator_;
  bool used_ = false;
};

/// A function of C++ as a value.
class NativeFunction : public Object {
 public:
  using Run = std::function<Value(Runtime &, const Arguments &)>;
  NativeFunction(std::string name, Run run) : name_(std::move(name)), run_(std::move(run)) {}
  std::string type_name() const override { return "function"; }
  std::string repr() const override { return "<function " + name_ + ">"; }
  bool is_callable() const override { return true; }
  Value call(Runtime &runtime, const Arguments &arguments) override { return run_(runtime, arguments); }

 private:
  std::string name_;
  Run run_;
};

Value make_function(std::string name, NativeFunction::Run run);

/// dict(...) of a mapping or pairs, and of named arguments.
Dict make_dict(Runtime &runtime, const char *function, const Arguments &arguments);

}  // namespace kvern::templates
