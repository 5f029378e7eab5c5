// Ten replacements, one after the other. Each begins with a space, so text without one nearby is final.
#include "runtime/tokenizer/text/space_cleanup.hpp"

#include <array>
#include <utility>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {
namespace {

struct Replacement {
  std::string_view from, to;
};
constexpr std::array<Replacement, 7> kFirst{
    {{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}}};
constexpr std::array<Replacement, 3> kLast{{{" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}}};
constexpr size_t kLongest = 4;

template <size_t N>
void replace(std::string &text, const std::array<Replacement, N> &list) {
  for (const auto &[from, to] : list) text = replace_all(text, from, to);
}

// Whether a replacement may begin with the space at `place`, whatever follows the text.
bool may_begin(std::string_view text, size_t place) {
  if (place + 1 >= text.size()) return true;
  const char next = text[place + 1];
  if (next == 'n') return place + 2 >= text.size() || text[place + 2] == '\'' || text[place + 2] == ' ';
  return next == '.' || next == '?' || next == '!' || next == ',' || next == '\'' || next == ' ';
}

// The longest beginning of `text` that no replacement crosses the end of.
size_t final_length(std::string_view text) {
  size_t since_space = kLongest;  // how many characters lie since the last space that matters
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    since_space = text[i] == ' ' && may_begin(text, i) ? 0 : since_space + 1;
    if (since_space >= kLongest) length = i + 1;
  }
  return length;
}

}  // namespace

std::string clean_up_spaces(std::string_view text) {
  std::string out(text);
  replace(out, kFirst);
  replace(out, kLast);
  return out;
}

std::string clean_up_word_pieces(std::string_view text) {
  std::string out(text);
  replace(out, kFirst);
  out = replace_all(out, " do not", " don't");
  replace(out, kLast);
  return out;
}

std::string SpaceCleanup::push(std::string_view part) {
  held_ += part;
  const size_t length = final_length(held_);
  std::string out = clean_up_spaces(std::string_view(held_).substr(0, length));
  held_.erase(0, length);
  return out;
}

std::string SpaceCleanup::finish() { return clean_up_spaces(std::exchange(held_, {})); }

}  // namespace kvern::tokenizer
