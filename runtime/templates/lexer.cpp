#include "runtime/templates/lexer.hpp"

#include <algorithm>
#include <array>

#include "runtime/support/utf8.hpp"
#include "runtime/templates/string_literal.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

constexpr std::array<std::string_view, 6> kLongOperators{"//", "**", "==", "!=", ">=", "<="};
constexpr std::string_view kShortOperators = "+-/*%~[](){}><=.:|,;";

bool is_digit_character(char c) { return c >= '0' && c <= '9'; }
bool is_octal(char c) { return c >= '0' && c <= '7'; }
bool is_binary(char c) { return c == '0' || c == '1'; }
bool is_hexadecimal(char c) { return is_digit_character(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

/// One kind of line break, and none at the end of the template.
std::string normalize_newlines(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)) {}

  std::vector<Token> run() {
    while (place_ < source_.size()) text_and_tag();
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(std::string text) const {
    throw SyntaxFailure{{Failure::Kind::other, std::move(text)}, line_};
  }

  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }
  bool at(std::string_view what) const { return std::string_view(source_).substr(place_).starts_with(what); }
  char peek(size_t ahead = 0) const {
    return place_ + ahead < source_.size() ? source_[place_ + ahead] : '\0';
  }
  char32_t character() const { return first_utf8(std::string_view(source_).substr(place_)).code; }

  /// Goes on by so many bytes, counting lines.
  void advance(size_t bytes) {
    line_ +=
        static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(place_),
                                    source_.begin() + static_cast<std::ptrdiff_t>(place_ + bytes), '\n'));
    place_ += bytes;
  }

  void skip_space() {
    while (place_ < source_.size() && is_space(character())) advance(character_bytes(source_, place_));
  }

  void text_and_tag() {
    const size_t begin = place_, tag = find_tag(place_);
    if (tag == std::string::npos) {
      add_data(begin, source_.size());
      return advance(source_.size() - begin);
    }
    const char kind = source_[tag + 1], sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    add_data(begin, end_of_text(begin, tag, kind, sign));
    advance(tag - begin + 2 + (sign == '-' || sign == '+' ? 1 : 0));
    if (kind == '#') return comment();
    if (kind == '%' && raw()) return;
    tag_body(kind == '%');
  }

  size_t find_tag(size_t from) const {
    for (size_t i = source_.find('{', from); i != std::string::npos; i = source_.find('{', i + 1))
      if (i + 1 < source_.size() && (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#'))
        return i;
    return std::string::npos;
  }

  /// Where the text before a tag ends: white space goes by '-', and by lstrip_blocks back to the beginning of the line.
  size_t end_of_text(size_t begin, size_t tag, char kind, char sign) const {
    const std::string_view text = std::string_view(source_).substr(begin, tag - begin);
    if (sign == '-') return begin + strip(text, nullptr, Side::right).size();
    if (sign == '+' || kind == '{') return tag;
    const size_t newline = text.rfind('\n'), line = newline == text.npos ? 0 : newline + 1;
    if (newline == text.npos && !line_starting_) return tag;
    return strip(text.substr(line), nullptr, Side::both).empty() ? begin + line : tag;
  }

  void add_data(size_t begin, size_t end) {
    if (end > begin) add(TokenKind::data, source_.substr(begin, end - begin));
  }

  /// Goes behind the end of a tag, which stands here; `trims`: behind the line break that follows, too.
  void leave_tag(size_t bytes, bool strips, bool trims) {
    const size_t begin = place_;
    advance(bytes);
    if (strips)
      skip_space();
    else if (trims && peek() == '\n')
      advance(1);
    line_starting_ = place_ > begin && source_[place_ - 1] == '\n';
  }

  /// `mark` ends a tag here, perhaps with a sign before it.
  bool end_tag(std::string_view mark, bool plus_and_trim) {
    if (at(mark)) return leave_tag(mark.size(), false, plus_and_trim), true;
    const std::string_view rest = std::string_view(source_).substr(place_);
    if (rest.size() <= mark.size() || !rest.substr(1).starts_with(mark)) return false;
    if (rest[0] == '-') return leave_tag(mark.size() + 1, true, false), true;
    if (rest[0] == '+' && plus_and_trim) return leave_tag(mark.size() + 1, false, false), true;
    return false;
  }

  void comment() {
    while (place_ < source_.size()) {
      if (end_tag("#}", true)) return;
      advance(1);
    }
    fail("Missing end of comment tag");
  }

  /// {% raw %} ... {% endraw %}: what stands between is text.
  bool raw() {
    const size_t begin = place_;
    const int line = line_;
    skip_space();
    if (at("raw")) {
      advance(3);
      skip_space();
      if (end_tag("%}", false)) return raw_text(), true;
    }
    place_ = begin;
    line_ = line;
    return false;
  }

  void raw_text() {
    const size_t begin = place_;
    for (size_t tag = place_; (tag = source_.find("{%", tag)) != std::string::npos; ++tag) {
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      size_t word = tag + 2 + (sign == '-' || sign == '+' ? 1 : 0);
      while (word < source_.size() && is_space(static_cast<unsigned char>(source_[word]))) ++word;
      if (source_.compare(word, 6, "endraw") != 0) continue;
      const size_t end = end_of_text(begin, tag, '%', sign);
      word += 6;
      while (word < source_.size() && is_space(static_cast<unsigned char>(source_[word]))) ++word;
      if (!ends_here(word)) continue;
      add_data(begin, end);
      advance(word - place_);
      end_tag("%}", true);
      return;
    }
    fail("Missing end of raw directive");
  }

  bool ends_here(size_t place) const {
    const std::string_view rest = std::string_view(source_).substr(place);
    return rest.starts_with("%}") || rest.starts_with("-%}") || rest.starts_with("+%}");
  }

  void tag_body(bool is_block) {
    add(is_block ? TokenKind::block_begin : TokenKind::variable_begin, "");
    const std::string_view mark = is_block ? "%}" : "}}";
    std::string open;
    while (place_ < source_.size()) {
      const int line = line_;
      if (open.empty() && end_tag(mark, is_block)) {
        tokens_.push_back({is_block ? TokenKind::block_end : TokenKind::variable_end, line, ""});
        return;
      }
      token(open);
    }
  }

  void token(std::string &open) {
    const char32_t c = character();
    if (is_space(c)) return advance(character_bytes(source_, place_));
    if (is_digit_character(peek())) return number();
    if (is_identifier_part(c)) return name();
    if (c == '"' || c == '\'') return string(peek());
    for (const std::string_view symbol : kLongOperators)
      if (at(symbol)) return add(TokenKind::op, std::string(symbol)), advance(2);
    if (c >= 0x80 || kShortOperators.find(peek()) == kShortOperators.npos)
      fail("unexpected char '" + source_.substr(place_, character_bytes(source_, place_)) + "'");
    balance(open);
    add(TokenKind::op, std::string(1, peek()));
    advance(1);
  }

  void balance(std::string &open) {
    const char c = peek();
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c != ')' && c != ']' && c != '}') return;
    if (open.empty()) fail(std::string("unexpected '") + c + "'");
    if (open.back() != c) fail(std::string("unexpected '") + c + "', expected '" + open.back() + "'");
    open.pop_back();
  }

  void name() {
    const size_t begin = place_;
    if (!is_identifier_start(character())) fail("Invalid character in identifier");
    while (place_ < source_.size() && is_identifier_part(character()))
      place_ += character_bytes(source_, place_);
    add(TokenKind::name, source_.substr(begin, place_ - begin));
  }

  void string(char quote) {
    const size_t begin = place_ + 1;
    size_t end = begin;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail(std::string("unexpected char '") + quote + "': the string does not end");
    try {
      add(TokenKind::text, unescape_literal(std::string_view(source_).substr(begin, end - begin)));
    } catch (const Failure &failure) {
      fail(failure.text);
    }
    advance(end + 1 - place_);
  }

  // Digits with single underscores between them.
  static size_t digits(std::string_view text, size_t place, bool (*is_one)(char)) {
    while (place < text.size() &&
           (is_one(text[place]) || (text[place] == '_' && place + 1 < text.size() && place &&
                                    text[place - 1] != '_' && is_one(text[place + 1]))))
      ++place;
    return place;
  }

  void number() {
    const std::string_view text = source_;
    size_t end = digits(text, place_, is_digit_character);
    bool is_float = false;
    const size_t prefixed = prefixed_integer();
    if (prefixed) {
      end = prefixed;
    } else {
      if (end + 1 < text.size() && text[end] == '.' && is_digit_character(text[end + 1]) &&
          (place_ == 0 || text[place_ - 1] != '.')) {
        end = digits(text, end + 1, is_digit_character);
        is_float = true;
      }
      const size_t exponent = exponent_end(end);
      is_float = is_float || exponent != end;
      end = exponent;
    }
    std::string value = source_.substr(place_, end - place_);
    std::erase(value, '_');
    if (!is_float && !prefixed && value.size() > 1 && value[0] == '0' &&
        value.find_first_not_of('0') != value.npos) {
      value = "0";  // a zero, and the next number begins
      end = place_ + 1;
    }
    add(is_float ? TokenKind::number : TokenKind::integer, value);
    advance(end - place_);
  }

  size_t exponent_end(size_t end) const {
    if (end >= source_.size() || (source_[end] != 'e' && source_[end] != 'E')) return end;
    size_t place = end + 1;
    if (place < source_.size() && (source_[place] == '+' || source_[place] == '-')) ++place;
    if (place >= source_.size() || !is_digit_character(source_[place])) return end;
    return digits(source_, place, is_digit_character);
  }

  size_t prefixed_integer() const {
    if (peek() != '0') return 0;
    const char kind = static_cast<char>(peek(1) | 0x20);
    bool (*is_one)(char) = kind == 'x'   ? is_hexadecimal
                           : kind == 'o' ? is_octal
                           : kind == 'b' ? is_binary
                                         : static_cast<bool (*)(char)>(nullptr);
    if (!is_one) return 0;
    const size_t begin = place_ + 2, end = digits(source_, begin, is_one);
    return end > begin ? end : 0;
  }

  const std::string source_;
  size_t place_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

std::string describe(const Token &token) {
  switch (token.kind) {
    case TokenKind::data:
      return "template data / text";
    case TokenKind::variable_begin:
      return "begin of print statement";
    case TokenKind::variable_end:
      return "end of print statement";
    case TokenKind::block_begin:
      return "begin of statement block";
    case TokenKind::block_end:
      return "end of statement block";
    case TokenKind::text:
      return "string";
    case TokenKind::integer:
      return "integer";
    case TokenKind::number:
      return "float";
    case TokenKind::end:
      return "end of template";
    case TokenKind::name:
    case TokenKind::op:
      return token.text;
  }
  return "";
}

}  // namespace kvern::templates
