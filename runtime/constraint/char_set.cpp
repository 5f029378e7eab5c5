#include "runtime/constraint/char_set.hpp"

#include <unicode/uchar.h>
#include <unicode/uset.h>

#include <algorithm>
#include <memory>
#include <string>

namespace kvern::constraint {
namespace {

constexpr char32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;

struct CloseSet {
  void operator()(USet *set) const { uset_close(set); }
};

}  // namespace

CharSet CharSet::of(char32_t first, char32_t last) {
  CharSet set;
  if (first < kFirstSurrogate) set.ranges_.emplace_back(first, std::min<char32_t>(last, kFirstSurrogate - 1));
  if (last > kLastSurrogate) set.ranges_.emplace_back(std::max<char32_t>(first, kLastSurrogate + 1), last);
  std::erase_if(set.ranges_, [](const auto &range) { return range.first > range.second; });
  return set;
}

CharSet &CharSet::operator|=(const CharSet &other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  std::sort(ranges_.begin(), ranges_.end());
  size_t n = 0;
  for (const auto &range : ranges_) {
    if (n > 0 && range.first <= ranges_[n - 1].second + 1)
      ranges_[n - 1].second = std::max(ranges_[n - 1].second, range.second);
    else
      ranges_[n++] = range;
  }
  ranges_.resize(n);
  return *this;
}

CharSet CharSet::operator&(const CharSet &other) const {
  CharSet both;
  for (size_t a = 0, b = 0; a < ranges_.size() && b < other.ranges_.size();) {
    const char32_t first = std::max(ranges_[a].first, other.ranges_[b].first);
    const char32_t last = std::min(ranges_[a].second, other.ranges_[b].second);
    if (first <= last) both.ranges_.emplace_back(first, last);
    ranges_[a].second < other.ranges_[b].second ? ++a : ++b;
  }
  return both;
}

CharSet CharSet::operator~() const {
  CharSet rest;
  char32_t next = 0;
  for (const auto &[first, last] : ranges_) {
    if (next < first) rest |= of(next, first - 1);
    next = last + 1;
  }
  if (next <= kLastChar) rest |= of(next, kLastChar);
  return rest;
}

bool CharSet::contains(char32_t c) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                                      [](char32_t x, const auto &r) { return x < r.first; });
  return after != ranges_.begin() && c <= std::prev(after)->second;
}

CharSet property_set(std::string_view name) {
  std::u16string pattern(u"[\\p{");
  for (const char c : name) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '=' || c == ' ' || c == '-';
    if (!plain) return {};
    pattern += static_cast<char16_t>(c);
  }
  pattern += u"}]";
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<USet, CloseSet> set(
      uset_openPattern(pattern.data(), static_cast<int32_t>(pattern.size()), &status));
  if (U_FAILURE(status) || !set) return {};
  CharSet result;
  for (int32_t i = 0; i < uset_getItemCount(set.get()); ++i) {
    UChar32 first = 0, last = 0;
    UErrorCode ignored = U_ZERO_ERROR;
    if (uset_getItem(set.get(), i, &first, &last, nullptr, 0, &ignored) == 0)
      result |= CharSet::of(static_cast<char32_t>(first), static_cast<char32_t>(last));
  }
  return result;
}

CharSet with_both_cases(const CharSet &set) {
  CharSet result = set;
  for (const auto &[first, last] : set.ranges())
    for (char32_t c = first; c <= std::min<char32_t>(last, 0x1FFFF); ++c) {
      const auto lower = static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
      const auto upper = static_cast<char32_t>(u_toupper(static_cast<UChar32>(c)));
      for (const char32_t other : {lower, upper})
        if (other != c && !set.contains(other)) result |= CharSet::of(other);
    }
  return result;
}

}  // namespace kvern::constraint
