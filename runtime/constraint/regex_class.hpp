// One character of a pattern: itself, '.', an escape, or a class in brackets. Readings differ in what \d, \w, \s and '.' are
// (ASCII or all of Unicode); what is taken here is matched by every reading: few characters where they are named, none of any
// reading where they are excluded.
#pragma once
#include "runtime/constraint/char_set.hpp"
#include "runtime/constraint/regex_reader.hpp"

namespace kvern::constraint {

CharSet read_class_or_char(RegexReader &in);

}  // namespace kvern::constraint
