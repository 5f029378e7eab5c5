// The variables of a template: a scope for the template itself and for each loop, macro and block within.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/templates/value.hpp"

namespace kvern::templates {

class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent = nullptr) : parent_(std::move(parent)) {}

  void set(const std::string &name, Value value) {
    if (Value *found = find_here(name))
      *found = std::move(value);
    else
      variables_.emplace_back(name, std::move(value));
  }

  /// Here or in a scope around; null where it is nowhere.
  const Value *find(const std::string &name) const {
    for (const Scope *scope = this; scope; scope = scope->parent_.get())
      if (const Value *found = scope->find_here(name)) return found;
    return nullptr;
  }

 private:
  Value *find_here(const std::string &name) {
    return const_cast<Value *>(std::as_const(*this).find_here(name));
  }
  const Value *find_here(const std::string &name) const {
    for (const auto &[key, value] : variables_)
      if (key == name) return &value;
    return nullptr;
  }

  std::shared_ptr<Scope> parent_;
  std::vector<std::pair<std::string, Value>> variables_;
};

using ScopePtr = std::shared_ptr<Scope>;

}  // namespace kvern::templates
