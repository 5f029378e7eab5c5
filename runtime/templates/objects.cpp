#include "runtime/templates/objects.hpp"

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/repr.hpp"

namespace kvern::templates {

std::string Namespace::repr() const {
  const Level level(budget_);  // a namespace may contain itself
  budget_.step(1 + attributes_.weight() / 16);
  std::string out = "<Namespace " + templates::repr(Value::dict(attributes_)) + ">";
  budget_.make(static_cast<int64_t>(out.size()));
  return out;
}

std::optional<Value> Namespace::attribute(Runtime &, const std::string &name) {
  const Value *found = attributes_.find(name);
  return found ? std::optional(*found) : std::nullopt;
}

std::optional<Value> Cycler::attribute(Runtime &, const std::string &name) {
  if (name == "current") return items_[place_];
  if (name == "items") return Value::tuple(items_);
  if (name == "pos") return Value(static_cast<int64_t>(place_));
  if (name != "next" && name != "reset") return std::nullopt;
  const bool is_next = name == "next";
  return make_function(name, [this, is_next](Runtime &, const Arguments &arguments) {
    take_no_arguments(is_next ? "next" : "reset", arguments);
    if (is_next) return next();
    reset();
    return Value();
  });
}

Value Cycler::next() {
  const Value value = items_[place_];
  place_ = (place_ + 1) % items_.size();
  return value;
}

Value Joiner::call(Runtime &, const Arguments &arguments) {
  take_no_arguments("joiner", arguments);
  if (used_) return separator_;
  used_ = true;
  return Value("");
}

Value make_function(std::string name, NativeFunction::Run run) {
  return Value(ObjectPtr(std::make_shared<NativeFunction>(std::move(name), std::move(run))));
}

Dict make_dict(Runtime &runtime, const char *function, const Arguments &arguments) {
  if (arguments.positional.size() > 1)
    type_error(std::string(function) + " expected at most 1 argument, got " +
               std::to_string(arguments.positional.size()));
  Dict dict;
  if (!arguments.positional.empty()) {
    const Value &source = arguments.positional[0];
    if (source.is_dict()) {
      dict = source.as_dict();
    } else {
      for (const Value &pair : to_items(runtime, source)) {
        const auto parts = to_items(runtime, pair);
        if (parts.size() != 2)
          value_error("dictionary update sequence element has length " + std::to_string(parts.size()) +
                      "; 2 is required");
        dict.set(parts[0], parts[1]);
      }
    }
  }
  for (const auto &[key, value] : arguments.named) dict.set(Value(key), value);
  return dict;
}

}  // namespace kvern::templates
