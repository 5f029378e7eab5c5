// Sets of Unicode characters, as ranges. Surrogates are never in a set: UTF-8 has none.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace kvern::constraint {

inline constexpr char32_t kLastChar = 0x10FFFF;

class CharSet {
 public:
  CharSet() = default;
  static CharSet of(char32_t first, char32_t last);
  static CharSet of(char32_t c) { return of(c, c); }
  static CharSet any() { return of(0, kLastChar); }

  CharSet &operator|=(const CharSet &other);
  CharSet operator&(const CharSet &other) const;
  CharSet operator~() const;
  bool empty() const { return ranges_.empty(); }
  bool contains(char32_t c) const;
  /// Ascending, neither overlapping nor touching.
  const std::vector<std::pair<char32_t, char32_t>> &ranges() const { return ranges_; }
  auto operator<=>(const CharSet &) const = default;

 private:
  std::vector<std::pair<char32_t, char32_t>> ranges_;
};

/// The characters of a Unicode property by any name that ICU knows ("L", "Lu", "Greek", "Alphabetic", "Script=Han"). Empty:
/// there is none of that name.
CharSet property_set(std::string_view name);

/// With the lower and upper case of each character, where that is one character.
CharSet with_both_cases(const CharSet &set);

}  // namespace kvern::constraint
