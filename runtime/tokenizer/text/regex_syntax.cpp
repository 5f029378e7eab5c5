// What differs between the two: \s \w \h, \uHHHH, long property names, option m, {,n}, and {n,m}+ (not
// possessive).
#include "runtime/tokenizer/text/regex_syntax.hpp"

#include <array>
#include <cctype>
#include <stdexcept>
#include <utility>
#include <vector>

namespace kvern::tokenizer {
namespace {

constexpr std::string_view kWordItems = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
constexpr std::string_view kHexItems = "0-9a-fA-F";

std::string property_name(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kNames{
      {{"Letter", "L"},
       {"Mark", "M"},
       {"Number", "N"},
       {"Punctuation", "P"},
       {"Symbol", "S"},
       {"Separator", "Z"},
       {"Other", "C"},
       {"Alpha", "Alphabetic"},
       {"Alnum", "Xan"},
       {"Digit", "Nd"},
       {"Space", "White_Space"},
       {"Punct", "P"},
       {"Upper", "Uppercase"},
       {"Lower", "Lowercase"},
       {"Word", "Xwd"},
       {"Uppercase_Letter", "Lu"},
       {"Lowercase_Letter", "Ll"}}};
  for (const auto &[theirs, ours] : kNames)
    if (name == theirs) return std::string(ours);
  return std::string(name);
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
    if (c == '\\') return begin_atom(), escape(false);
    if (c == '[') return begin_atom(), character_class();
    if (c == '(') return open_group();
    if (c == ')') return close_group();
    if (c == '{' && interval()) return;
    if (c != '*' && c != '+' && c != '?' && c != '|') begin_atom();
    copy(1);
    while (at_ < in_.size() && (static_cast<unsigned char>(in_[at_]) & 0xC0) == 0x80) copy(1);
  }

  void copy(size_t count) {
    out_ += in_.substr(at_, count);
    at_ += count;
  }
  void begin_atom() { atom_ = out_.size(); }
  bool next_is(char c) const { return at_ < in_.size() && in_[at_] == c; }

  void open_group() {
    groups_.push_back(out_.size());
    copy(1);
    if (!next_is('?')) return;
    copy(1);
    // option letters: Ruby's m is "dot matches newline", which is PCRE2's s
    while (at_ < in_.size() && (std::islower(static_cast<unsigned char>(in_[at_])) || in_[at_] == '-')) {
      out_ += in_[at_] == 'm' ? 's' : in_[at_];
      ++at_;
    }
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
    if (body.front() == ',') body.insert(0, "0");
    at_ = end + 1;
    out_ += "{" + body + "}";
    if (next_is('+')) {
      out_.insert(atom_, "(?:");
      out_ += ")+";
      ++at_;
    }
    return true;
  }

  void escape(bool in_class) {
    if (at_ + 1 >= in_.size()) return copy(1);
    const char c = in_[at_ + 1];
    const auto emit = [&](std::string text) {
      out_ += text;
      at_ += 2;
    };
    const auto items = [&](std::string_view list) {
      emit(in_class ? std::string(list) : "[" + std::string(list) + "]");
    };
    switch (c) {
      case 's':
        return emit("\\p{White_Space}");
      case 'S':
        return emit("\\P{White_Space}");
      case 'w':
        return items(kWordItems);
      case 'h':
        return items(kHexItems);
      case 'W':
      case 'H':
        if (in_class) throw std::invalid_argument(std::string("\\") + c + " inside [...]");
        return emit("[^" + std::string(c == 'W' ? kWordItems : kHexItems) + "]");
      case 'p':
      case 'P':
        return property(c);
      case 'u':
        return code_point();
      default:
        copy(2);
    }
  }

  void property(char letter) {
    const size_t end = in_.find('}', at_);
    if (at_ + 2 >= in_.size() || in_[at_ + 2] != '{' || end == std::string_view::npos) return copy(2);
    std::string_view name = in_.substr(at_ + 3, end - at_ - 3);
    const bool negated = !name.empty() && name.front() == '^';
    if (negated) name.remove_prefix(1);
    out_ += std::string("\\") + letter + "{" + (negated ? "^" : "") + property_name(name) + "}";
    at_ = end + 1;
  }

  void code_point() {
    const std::string_view digits = in_.substr(at_ + 2, 4);
    if (digits.size() < 4) return copy(2);
    out_ += "\\x{" + std::string(digits) + "}";
    at_ += 6;
  }

  void character_class() {
    copy(1);
    if (next_is('^')) copy(1);
    if (next_is(']')) copy(1);
    while (at_ < in_.size() && in_[at_] != ']') {
      const std::string_view rest = in_.substr(at_);
      if (rest.front() == '\\') {
        escape(true);
      } else if (rest.substr(0, 2) == "[:" && rest.find(":]") != std::string_view::npos) {
        copy(rest.find(":]") + 2);
      } else if (rest.front() == '[') {
        throw std::invalid_argument("a character class inside another one");
      } else if (rest.substr(0, 2) == "&&") {
        throw std::invalid_argument("&& (intersection) in a character class");
      } else {
        copy(1);
      }
    }
    if (at_ < in_.size()) copy(1);
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
