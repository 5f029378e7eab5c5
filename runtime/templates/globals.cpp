// The functions that every template sees.
#include <unordered_map>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/objects.hpp"
#include "runtime/templates/registry.hpp"
#include "runtime/templates/repr.hpp"

namespace kvern::templates {
namespace {

constexpr int64_t kMaxRange = 100000;  // as Jinja's sandbox

Value make_range(Runtime &, const Arguments &arguments) {
  const Parameters parameters("range", arguments, {"start", "stop", "step"}, 1);
  const int64_t first = parameters.integer(0), step = parameters.integer(2, 1);
  if (step == 0) value_error("range() arg 3 must not be zero");
  auto range = parameters.has(1) ? std::make_shared<Range>(first, parameters.integer(1), step)
                                 : std::make_shared<Range>(0, first, 1);
  if (range->size() > kMaxRange)
    fail(Failure::Kind::overflow, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (" +
                                      std::to_string(kMaxRange) + ").");
  return Value(ObjectPtr(std::move(range)));
}

Value make_namespace(Runtime &runtime, const Arguments &arguments) {
  auto made = std::make_shared<Namespace>(runtime.budget(), make_dict(runtime, "namespace", arguments));
  runtime.keep(made);
  return Value(ObjectPtr(std::move(made)));
}

Value make_dict_value(Runtime &runtime, const Arguments &arguments) {
  return Value::dict(make_dict(runtime, "dict", arguments));
}

Value make_cycler(Runtime &runtime, const Arguments &arguments) {
  if (arguments.positional.empty()) fail(Failure::Kind::other, "at least one item has to be provided");
  auto made = std::make_shared<Cycler>(arguments.positional);
  runtime.keep(made);
  return Value(ObjectPtr(std::move(made)));
}

Value make_joiner(Runtime &, const Arguments &arguments) {
  const Parameters parameters("joiner", arguments, {"sep"});
  return Value(ObjectPtr(std::make_shared<Joiner>(parameters.has(0) ? parameters[0] : Value(", "))));
}

Value raise_exception(Runtime &, const Arguments &arguments) {
  const Parameters parameters("raise_exception", arguments, {"message"}, 1);
  fail(Failure::Kind::raised, str(parameters[0]));
}

Value strftime_now(Runtime &runtime, const Arguments &arguments) {
  const Parameters parameters("strftime_now", arguments, {"format"}, 1);
  return Value(runtime.format_now(parameters.text(0)));
}

}  // namespace

const Value *find_global(const std::string &name) {
  static const std::unordered_map<std::string, Value> kGlobals{
      {"range", make_function("range", make_range)},
      {"namespace", make_function("namespace", make_namespace)},
      {"dict", make_function("dict", make_dict_value)},
      {"cycler", make_function("cycler", make_cycler)},
      {"joiner", make_function("joiner", make_joiner)},
      {"raise_exception", make_function("raise_exception", raise_exception)},
      {"strftime_now", make_function("strftime_now", strftime_now)},
  };
  const auto found = kGlobals.find(name);
  return found == kGlobals.end() ? nullptr : &found->second;
}

}  // namespace kvern::templates
