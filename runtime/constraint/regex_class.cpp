#include "runtime/constraint/regex_class.hpp"

#include <string>

namespace kvern::constraint {
namespace {

/// What every reading counts in, and what any does.
struct Reading {
  CharSet narrow, wide;
};

CharSet united(std::initializer_list<CharSet> sets) {
  CharSet all;
  for (const CharSet &set : sets) all |= set;
  return all;
}

Reading same(const CharSet &set) { return {set, set}; }
Reading inverse(const Reading &reading) { return {~reading.wide, ~reading.narrow}; }

const Reading &digits() {
  static const Reading reading = {CharSet::of('0', '9'), property_set("Nd")};
  return reading;
}

const Reading &words() {
  static const CharSet ascii =
      united({CharSet::of('0', '9'), CharSet::of('A', 'Z'), CharSet::of('a', 'z'), CharSet::of('_')});
  static const Reading reading = {
      ascii, united({ascii, property_set("Alphabetic"), property_set("L"), property_set("M"),
                     property_set("N"), property_set("Pc"), property_set("Join_Control")})};
  return reading;
}

const Reading &spaces() {
  static const CharSet ascii = united({CharSet::of('\t', '\r'), CharSet::of(' ')});
  static const Reading reading = {
      ascii, united({ascii, CharSet::of(0x1C, 0x1F), property_set("White_Space"), CharSet::of(0xFEFF)})};
  return reading;
}

const CharSet &line_ends() {
  static const CharSet set =
      united({CharSet::of('\n'), CharSet::of('\r'), CharSet::of(0x85), CharSet::of(0x2028, 0x2029)});
  return set;
}

Reading property(RegexReader &in, bool negated) {
  if (!in.take('{')) in.fail("expected {NAME} behind \\p");
  std::string name;
  while (!in.at_end() && in.peek() != '}') name += in.peek(), in.next();
  if (!in.take('}')) in.fail("the name of a property has no end");
  const CharSet set = property_set(name);
  if (set.empty()) in.fail("there is no character property '" + name + "'");
  return same(negated ? ~set : set);
}

char32_t code_point(RegexReader &in) {
  if (!in.take('{')) return in.hex(4);
  char32_t value = 0;
  for (int i = 0; i < 6 && in.peek() != '}'; ++i) value = value * 16 + in.hex(1);
  if (!in.take('}')) in.fail("expected } behind the digits of a character");
  return value;
}

Reading of_char(RegexReader &in, char32_t c) {
  const CharSet set = c <= kLastChar ? CharSet::of(c) : CharSet();
  if (set.empty()) in.fail("there is no such character");
  return same(set);
}

/// Behind a backslash.
Reading escape(RegexReader &in, bool in_class) {
  const char32_t c = in.next();
  switch (c) {
    case 'd':
      return digits();
    case 'D':
      return inverse(digits());
    case 'w':
      return words();
    case 'W':
      return inverse(words());
    case 's':
      return spaces();
    case 'S':
      return inverse(spaces());
    case 'p':
      return property(in, false);
    case 'P':
      return property(in, true);
    case 'n':
      return same(CharSet::of('\n'));
    case 't':
      return same(CharSet::of('\t'));
    case 'r':
      return same(CharSet::of('\r'));
    case 'f':
      return same(CharSet::of('\f'));
    case 'v':
      return same(CharSet::of('\v'));
    case 'x':
      return of_char(in, in.hex(2));
    case 'u':
      return of_char(in, code_point(in));
    case '0':
      return same(CharSet::of(0));
    case 'b':
      if (in_class) return same(CharSet::of('\b'));
      [[fallthrough]];
    case 'B':
      in.fail("word boundaries (\\b, \\B) are not supported; say what stands on either side");
    default:
      break;
  }
  if (c >= '1' && c <= '9') in.fail("backreferences are not supported: no automaton can follow them");
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
    in.fail(std::string("the escape \\") + static_cast<char>(c) + " is not known");
  return same(CharSet::of(c));
}

char32_t single(RegexReader &in, const Reading &reading) {
  const auto &ranges = reading.narrow.ranges();
  if (ranges.size() != 1 || ranges[0].first != ranges[0].second || reading.wide != reading.narrow)
    in.fail("the end of a range must be one character");
  return ranges[0].first;
}

Reading class_item(RegexReader &in) {
  const auto one = [&] { return in.take('\\') ? escape(in, true) : of_char(in, in.next()); };
  if (in.starts_with("[:")) in.fail("classes like [:alpha:] are not supported; use \\p{Alphabetic}");
  const Reading first = one();
  const size_t behind = in.position();
  if (!in.take('-')) return first;
  if (in.peek() == ']' || in.at_end()) {
    in.seek(behind);
    return first;
  }
  const Reading last = one();
  const char32_t from = single(in, first), to = single(in, last);
  if (to < from) in.fail("a range of characters that ends before its beginning");
  return same(CharSet::of(from, to));
}

CharSet bracketed(RegexReader &in) {
  const bool negated = in.take('^');
  Reading all;
  for (bool first = true; first || in.peek() != ']'; first = false) {
    if (in.at_end()) in.fail("a ']' is missing");
    if (first && in.peek() == ']') in.fail("a class without characters; write \\] for the character ]");
    const Reading item = class_item(in);
    all.narrow |= item.narrow, all.wide |= item.wide;
  }
  in.take(']');
  return negated ? ~all.wide : all.narrow;
}

}  // namespace

CharSet read_class_or_char(RegexReader &in) {
  if (in.take('[')) return bracketed(in);
  if (in.take('.')) return ~line_ends();
  if (in.take('\\')) return escape(in, false).narrow;
  return of_char(in, in.next()).narrow;
}

}  // namespace kvern::constraint
