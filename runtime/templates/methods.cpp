#include "runtime/templates/methods.hpp"

#include <memory>
#include <utility>

namespace kvern::templates {
namespace {

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, const MethodEntry &method) : self_(std::move(self)), method_(method) {
    depth = self_.depth() + 1;
    weight = self_.weight();
  }
  std::string type_name() const override { return "builtin_function_or_method"; }
  std::string repr() const override {
    return "<built-in method " + std::string(method_.name) + " of " + self_.type_name() + " object>";
  }
  bool is_callable() const override { return true; }
  Value call(Runtime &runtime, const Arguments &arguments) override {
    runtime.budget().step(1 + self_.weight() / 64);
    return method_.run(runtime, self_, arguments);
  }

 private:
  Value self_;
  const MethodEntry &method_;
};

std::optional<Value> find_in(std::span<const MethodEntry> methods, const Value &self, std::string_view name) {
  for (const MethodEntry &method : methods)
    if (method.name == name) return Value(ObjectPtr(std::make_shared<BoundMethod>(self, method)));
  return std::nullopt;
}

}  // namespace

std::optional<Value> find_method(const Value &self, std::string_view name) {
  if (self.is_text()) {
    for (const auto methods : {case_methods(), search_methods(), split_methods(), layout_methods()})
      if (auto found = find_in(methods, self, name)) return found;
    return std::nullopt;
  }
  if (self.is_list()) {
    if (self.as_list().is_tuple() && name == "copy") return std::nullopt;
    return find_in(list_methods(), self, name);
  }
  if (self.is_dict()) return find_in(dict_methods(), self, name);
  if (self.is_integral()) return find_in(int_methods(), self, name);
  return self.is_float() ? find_in(float_methods(), self, name) : std::nullopt;
}

}  // namespace kvern::templates
