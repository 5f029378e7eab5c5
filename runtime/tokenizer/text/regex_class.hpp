// Character classes [...] of Oniguruma, which may hold other classes and intersections (&&), as PCRE2 patterns.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace kvern::tokenizer {

/// The pattern that matches one character of the class that begins at in[at] == '['; `at` moves behind its end.
/// Throws std::invalid_argument if classes are nested too deep.
std::string pcre2_class(std::string_view in, size_t &at);

}  // namespace kvern::tokenizer
