#include "runtime/templates/str_format.hpp"

#include <algorithm>
#include <charconv>

#include "runtime/templates/attributes.hpp"
#include "runtime/templates/format_spec.hpp"
#include "runtime/templates/repr.hpp"

namespace kvern::templates {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 9 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

class FieldFormatter {
 public:
  FieldFormatter(Runtime &runtime, const Arguments &arguments) : runtime_(runtime), arguments_(arguments) {}

  std::string run(std::string_view format, int depth) {
    if (depth < 0) value_error("Max string recursion exceeded");
    std::string out;
    for (size_t place = 0; place < format.size();) {
      const char c = format[place++];
      if (c != '{' && c != '}') {
        out += c;
      } else if (place < format.size() && format[place] == c) {
        out += c;
        ++place;
      } else if (c == '}') {
        value_error("Single '}' encountered in format string");
      } else {
        const std::string piece = field(field_text(format, place), depth);
        runtime_.budget().make(static_cast<int64_t>(piece.size()));
        out += piece;
        runtime_.budget().require_fit(static_cast<int64_t>(out.size()));
      }
    }
    return out;
  }

 private:
  /// What stands between the braces; `place` moves behind the closing one.
  static std::string_view field_text(std::string_view format, size_t &place) {
    const size_t begin = place;
    int open = 1;
    for (; place < format.size(); ++place) {
      open += format[place] == '{' ? 1 : format[place] == '}' ? -1 : 0;
      if (open == 0) return format.substr(begin, place++ - begin);
    }
    value_error(begin == format.size() ? "Single '{' encountered in format string"
                                       : "expected '}' before end of string");
  }

  std::string field(std::string_view text, int depth) {
    const size_t brackets = text.find('['), mark = text.find_first_of("!:");
    size_t end = mark;
    if (brackets != text.npos && brackets < mark) {  // within brackets ! and : belong to the key
      const size_t close = text.find(']', brackets);
      end = close == text.npos ? text.npos : text.find_first_of("!:", close);
    }
    Value value = lookup(text.substr(0, end));
    std::string_view rest = end == text.npos ? std::string_view() : text.substr(end);
    if (rest.starts_with('!')) {
      value = convert(value, rest);
      rest.remove_prefix(2);
      if (!rest.empty() && rest[0] != ':') value_error("expected ':' after conversion specifier");
    }
    const std::string spec = rest.empty() ? "" : run(rest.substr(1), depth - 1);
    return format_value(runtime_, value, spec);
  }

  Value convert(const Value &value, std::string_view rest) {
    runtime_.walk(value);
    const char kind = rest.size() > 1 ? rest[1] : ' ';
    if (kind == 's') return Value(str(value));
    if (kind == 'r') return Value(repr(value));
    if (kind == 'a') return Value(ascii_repr(value));
    value_error(std::string("Unknown conversion specifier ") + kind);
  }

  Value lookup(std::string_view path) {
    const size_t end = std::min(path.find_first_of(".["), path.size());
    Value value = first(path.substr(0, end));
    for (size_t place = end; place < path.size();) {
      const bool is_item = path[place] == '[';
      const size_t stop =
          is_item ? path.find(']', place) : std::min(path.find_first_of(".[", place + 1), path.size());
      if (stop == path.npos) value_error("Missing ']' in format string");
      const std::string_view name = path.substr(place + 1, stop - place - 1);
      if (name.empty()) value_error("Empty attribute in format string");
      if (!is_item)
        value = get_attribute(runtime_, value, std::string(name));
      else
        value = get_item(runtime_, value,
                         is_number(name) ? Value(int64_t{std::stoll(std::string(name))}) : Value(name));
      place = stop + (is_item ? 1 : 0);
      if (is_item && place < path.size() && path[place] != '.' && path[place] != '[')
        value_error("Only '.' or '[' may follow ']' in format field specifier");
    }
    return value;
  }

  Value first(std::string_view name) {
    if (!name.empty() && !is_number(name)) {
      for (const auto &[key, value] : arguments_.named)
        if (key == name) return value;
      fail(Failure::Kind::lookup_error, repr_text(name));
    }
    const bool automatic = name.empty();
    if (numbering_ == (automatic ? Numbering::manual : Numbering::automatic))
      value_error(automatic ? "cannot switch from manual field specification to automatic field numbering"
                            : "cannot switch from automatic field numbering to manual field specification");
    numbering_ = automatic ? Numbering::automatic : Numbering::manual;
    const size_t index = automatic ? next_++ : static_cast<size_t>(std::stoll(std::string(name)));
    if (index >= arguments_.positional.size())
      fail(Failure::Kind::lookup_error,
           "Replacement index " + std::to_string(index) + " out of range for positional args tuple");
    return arguments_.positional[index];
  }

  enum class Numbering { unknown, automatic, manual };
  Runtime &runtime_;
  const Arguments &arguments_;
  Numbering numbering_ = Numbering::unknown;
  size_t next_ = 0;
};

}  // namespace

std::string format_fields(Runtime &runtime, const std::string &format, const Arguments &arguments) {
  return FieldFormatter(runtime, arguments).run(format, 2);
}

}  // namespace kvern::templates
