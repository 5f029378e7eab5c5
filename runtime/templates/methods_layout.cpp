// Methods of texts that fill them up, and format.
#include "runtime/templates/arguments.hpp"
#include "runtime/templates/format_spec.hpp"
#include "runtime/templates/methods.hpp"
#include "runtime/templates/str_format.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

Value filled(Runtime &runtime, const char *name, const Value &self, const Arguments &arguments, char align) {
  const Parameters parameters(name, arguments, {"", ""}, 1);
  FormatSpec spec;
  spec.width = parameters.integer(0);
  spec.align = align;
  if (parameters.has(1)) {
    const std::u32string fill = to_characters(parameters.text(1));
    if (fill.size() != 1) type_error("The fill character must be exactly one character long");
    spec.fill = fill[0];
  }
  return Value(pad(runtime, self.str(), spec, align), self.is_markup());
}

Value adjust_left(Runtime &runtime, const Value &self, const Arguments &arguments) {
  return filled(runtime, "ljust", self, arguments, '<');
}
Value adjust_right(Runtime &runtime, const Value &self, const Arguments &arguments) {
  return filled(runtime, "rjust", self, arguments, '>');
}

/// An odd character goes to the left where the width is odd: str.center differs from the format ^ in that.
Value center(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("center", arguments, {"", ""}, 1);
  const auto size = static_cast<int64_t>(count_characters(self.str()));
  const int64_t width = parameters.integer(0), missing = width > size ? width - size : 0;
  Arguments left = arguments, all = arguments;
  const Value inner = Value(size + missing / 2 + (missing & width & 1));
  (left.positional.empty() ? left.named[0].second : left.positional[0]) = inner;
  return adjust_left(runtime, adjust_right(runtime, self, left), all);
}

Value fill_zeros(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("zfill", arguments, {""}, 1);
  FormatSpec spec;
  const bool has_sign = self.str().starts_with('-') || self.str().starts_with('+');
  spec.width = parameters.integer(0) - (has_sign ? 1 : 0);
  spec.fill = U'0';
  spec.align = '>';
  const std::string digits = pad(runtime, self.str().substr(has_sign ? 1 : 0), spec, '>');
  return Value((has_sign ? self.str().substr(0, 1) : "") + digits, self.is_markup());
}

Value expand_tabs(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("expandtabs", arguments, {"tabsize"});
  const int64_t size = parameters.integer(0, 8);
  std::string out;
  int64_t column = 0;
  for (const char32_t c : to_characters(self.str())) {
    if (c == U'\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      runtime.budget().make(spaces);
      out.append(static_cast<size_t>(spaces), ' ');
      column += spaces;
    } else {
      append_character(out, c);
      column = c == U'\n' || c == U'\r' ? 0 : column + 1;
    }
  }
  return Value(std::move(out), self.is_markup());
}

Value format(Runtime &runtime, const Value &self, const Arguments &arguments) {
  return Value(format_fields(runtime, self.str(), arguments), self.is_markup());
}

Value format_map(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Parameters parameters("format_map", arguments, {""}, 1);
  if (!parameters[0].is_dict())
    type_error("format_map(): expected a mapping, found " + parameters[0].type_name());
  Arguments named;
  for (const auto &[key, value] : parameters[0].as_dict().entries())
    if (key.is_text()) named.named.emplace_back(key.str(), value);
  return format(runtime, self, named);
}

}  // namespace

std::span<const MethodEntry> layout_methods() {
  static constexpr MethodEntry kMethods[] = {
      {"ljust", adjust_left}, {"rjust", adjust_right},     {"center", center},         {"zfill", fill_zeros},
      {"format", format},     {"expandtabs", expand_tabs}, {"format_map", format_map},
  };
  return kMethods;
}

}  // namespace kvern::templates
