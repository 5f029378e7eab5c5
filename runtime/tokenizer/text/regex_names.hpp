// What the names in a pattern stand for: \p{Name}, [:name:], \w and the like, as items of a PCRE2 character class.
#pragma once
#include <string>
#include <string_view>

namespace kvern::tokenizer {

/// The items of \w inside a class of the pattern; all items are to stand between [ and ].
inline constexpr std::string_view kWordItems = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
/// The items of \w outside of classes, and what \b sees: Oniguruma's table for Latin-1 has the small digits, too.
inline constexpr std::string_view kLooseWordItems =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";
inline constexpr std::string_view kHexItems = "0-9a-fA-F";
inline constexpr std::string_view kSpaceItems = R"(\p{White_Space})";

/// The items of a POSIX class (alpha, digit, punct ...), or "" if there is none of that name.
std::string posix_items(std::string_view name);

/// The items of a property by any name Unicode has for it: category, script, binary property, or a POSIX class.
/// Names match loosely ("Uppercase Letter", "uppercase_letter"). An unknown name is handed to PCRE2 as it is.
std::string property_items(std::string_view name);

/// The items that match what `items` doesn't, or "" if that needs a class of its own.
std::string inverse_items(std::string_view items);

}  // namespace kvern::tokenizer
