// Patterns of tokenizer.json are written for Oniguruma (Ruby's syntax); this turns them into PCRE2's.
#pragma once
#include <string>
#include <string_view>

namespace kvern::tokenizer {

/// The PCRE2 pattern (for UTF, UCP, MULTILINE) that matches what Oniguruma matches for `pattern`.
/// Throws std::invalid_argument for a character class that doesn't end.
std::string pcre2_pattern(std::string_view pattern);

}  // namespace kvern::tokenizer
