// What differs outside of character classes: \s \w \b \h \v, \uHHHH, property names, option m, {,n}, and {n,m}+ (which is
// not possessive).
#include "runtime/tokenizer/text/regex_syntax.hpp"

#include <cctype>
#include <utility>
#include <vector>

#include "runtime/tokenizer/text/regex_class.hpp"
#include "runtime/tokenizer/text/regex_names.hpp"

namespace kvern::tokenizer {
namespace {

std::string word_boundary(bool negated) {
  const std::string word = "[" + std::string(kLooseWordItems) + "]";
  std::string out = "(?:(?<=";
  out.append(word).append(negated ? ")(?=" : ")(?!").append(word);
  out.append(")|(?<!").append(word).append(negated ? ")(?!" : ")(?=").append(word);
  return out.append("))");
}

class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  std::string run() {
    while (at_ < in_.size()) step();
    return std::move(out_);
  }

 private:
  void step() {
    const char c = in_[at_];
    if (c == '(') return open_group();
    if (c == ')') return close_group();
    if (c == '{' && interval()) return;
    if (c != '*' && c != '+' && c != '?' && c != '|') atom_ = out_.size();
    if (c == '\\') return escape();
    if (c == '[') {
      out_ += pcre2_class(in_, at_);
      return;
    }
    copy(1);
    while (at_ < in_.size() && (static_cast<unsigned char>(in_[at_]) & 0xC0) == 0x80) copy(1);
  }

  void copy(size_t count) {
    const std::string_view part = in_.substr(at_, count);
    out_ += part;
    at_ += part.size();
  }
  void emit(std::string_view text, size_t consumed) {
    out_ += text;
    at_ += consumed;
  }
  bool next_is(char c) const { return at_ < in_.size() && in_[at_] == c; }

  void open_group() {
    groups_.push_back(out_.size());
    copy(1);
    if (!next_is('?')) return;
    copy(1);
    // option letters: Ruby's m is "dot matches newline", which is PCRE2's s
    while (at_ < in_.size() && (std::islower(static_cast<unsigned char>(in_[at_])) || in_[at_] == '-'))
      emit(std::string(1, in_[at_] == 'm' ? 's' : in_[at_]), 1);
  }

  void close_group() {
    if (!groups_.empty()) {
      atom_ = groups_.back();
      groups_.pop_back();
    }
    copy(1);
  }

  // {n}, {n,}, {n,m}, {,m}; anything else is literal text
  bool interval() {
    const size_t end = in_.find('}', at_);
    if (end == std::string_view::npos) return false;
    std::string body(in_.substr(at_ + 1, end - at_ - 1));
    if (body.empty() || body == "," || body.find_first_not_of("0123456789,") != std::string::npos)
      return false;
    if (body.front() == ',') body.insert(body.begin(), '0');
    at_ = end + 1;
    out_.append("{").append(body).append("}");
    if (next_is('+')) {
      out_.insert(atom_, "(?:");
      emit(")+", 1);
    }
    return true;
  }

  void named(std::string_view items, bool negated, size_t consumed) {
    emit(std::string(negated ? "[^" : "[").append(items).append("]"), consumed);
  }

  void escape() {
    const char c = at_ + 1 < in_.size() ? in_[at_ + 1] : '\0';
    switch (c) {
      case 's':
      case 'S':
        return emit(c == 's' ? kSpaceItems : inverse_items(kSpaceItems), 2);
      case 'w':
      case 'W':
        return named(kLooseWordItems, c == 'W', 2);
      case 'h':
      case 'H':
        return named(kHexItems, c == 'H', 2);
      case 'b':
      case 'B':
        return emit(word_boundary(c == 'B'), 2);
      case 'v':
        return emit(R"(\x0b)", 2);
      case 'p':
      case 'P':
        return property(c == 'P');
      case 'u':
        return emit(R"(\x{)" + std::string(in_.substr(at_ + 2, 4)) + "}", 6);
      default:
        return copy(2);
    }
  }

  void property(bool negated) {
    const size_t end = in_.find('}', at_);
    if (!in_.substr(at_ + 2).starts_with("{") || end == std::string_view::npos) return copy(2);
    std::string_view name = in_.substr(at_ + 3, end - at_ - 3);
    if (name.starts_with("^")) {
      name.remove_prefix(1);
      negated = !negated;
    }
    const std::string items = property_items(name), inverse = inverse_items(items);
    if (!negated && !inverse.empty()) return emit(items, end + 1 - at_);
    if (negated && !inverse.empty()) return emit(inverse, end + 1 - at_);
    named(items, negated, end + 1 - at_);
  }

  std::string_view in_;
  size_t at_ = 0;
  std::string out_;
  size_t atom_ = 0;             // where the last quantifiable thing begins in out_
  std::vector<size_t> groups_;  // where the open groups begin in out_
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace kvern::tokenizer
