// A class is a list of terms joined by &&; a term is plain items and classes of its own. What PCRE2's brackets cannot say
// becomes an alternative or a lookahead over single characters.
#include "runtime/tokenizer/text/regex_class.hpp"

#include <stdexcept>
#include <vector>

#include "runtime/tokenizer/text/regex_names.hpp"

namespace kvern::tokenizer {
namespace {

constexpr int kMaxDepth = 20;

struct Term {
  std::string items;                // what stands between [ and ]
  std::vector<std::string> others;  // patterns of single characters

  bool is_plain() const { return others.empty(); }
  std::string pattern() const {
    if (is_plain()) return "[" + items + "]";
    std::string all = "(?:";
    if (!items.empty()) all.append("[").append(items).append("]|");
    for (size_t i = 0; i < others.size(); ++i) all.append(i > 0 ? "|" : "").append(others[i]);
    return all.append(")");
  }
};

class ClassReader {
 public:
  ClassReader(std::string_view in, size_t at) : in_(in), at_(at) {}
  size_t at() const { return at_; }

  std::string read(int depth) {
    Term plain;
    std::string pattern = read_into(plain, depth);
    return pattern.empty() ? plain.pattern() : pattern;
  }

 private:
  bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  bool at_end() const { return at_ >= in_.size(); }

  // Reads a class. If it is no more than plain items they go to `outer` and nothing is returned.
  std::string read_into(Term &outer, int depth) {
    if (depth > kMaxDepth) throw std::invalid_argument("character classes nested too deep");
    ++at_;
    const bool negated = next_is("^");
    at_ += negated;
    std::vector<Term> terms(1);
    if (next_is("]")) add(terms.back(), R"(\])", 1);
    while (!at_end() && in_[at_] != ']') {
      if (next_is("&&")) {
        at_ += 2;
        terms.emplace_back();
      } else {
        item(terms.back(), depth);
      }
    }
    if (at_end()) throw std::invalid_argument("missing ] of a character class");
    ++at_;
    return join(terms, negated, outer);
  }

  static std::string join(const std::vector<Term> &terms, bool negated, Term &outer) {
    if (terms.size() == 1 && terms[0].is_plain()) {
      if (negated) return "[^" + terms[0].items + "]";
      outer.items += terms[0].items;
      return "";
    }
    std::string all;
    for (size_t i = 0; i + 1 < terms.size(); ++i) all.append("(?=").append(terms[i].pattern()).append(")");
    all += terms.back().pattern();
    return negated ? "(?:(?!" + all + R"()\p{Any}))" : "(?:" + all + ")";
  }

  void add(Term &term, std::string_view items, size_t consumed) {
    term.items += items;
    at_ += consumed;
  }

  void add_named(Term &term, const std::string &items, bool negated, size_t consumed) {
    at_ += consumed;
    const std::string inverse = negated ? inverse_items(items) : items;
    if (inverse.empty())
      term.others.push_back("[^" + items + "]");
    else
      term.items += inverse;
  }

  void item(Term &term, int depth) {
    if (next_is("[:") && posix(term)) return;
    if (next_is("[")) {
      const std::string pattern = read_into(term, depth + 1);
      if (!pattern.empty()) term.others.push_back(pattern);
      return;
    }
    if (next_is("\\")) return escape(term);
    add(term, in_.substr(at_, 1), 1);
  }

  bool posix(Term &term) {
    const size_t end = in_.find(":]", at_);
    if (end == std::string_view::npos) return false;
    std::string_view name = in_.substr(at_ + 2, end - at_ - 2);
    const bool negated = name.starts_with("^");
    if (negated) name.remove_prefix(1);
    const std::string items = posix_items(name);
    if (items.empty()) return false;
    add_named(term, items, negated, end + 2 - at_);
    return true;
  }

  void escape(Term &term) {
    const char c = at_ + 1 < in_.size() ? in_[at_ + 1] : '\0';
    switch (c) {
      case 's':
      case 'S':
        return add_named(term, std::string(kSpaceItems), c == 'S', 2);
      case 'w':
      case 'W':
        return add_named(term, std::string(kWordItems), c == 'W', 2);
      case 'h':
      case 'H':
        return add_named(term, std::string(kHexItems), c == 'H', 2);
      case 'v':
        return add(term, R"(\x0b)", 2);
      case 'p':
      case 'P':
        return property(term, c == 'P');
      case 'u':
        return add(term, R"(\x{)" + std::string(in_.substr(at_ + 2, 4)) + "}", 6);
      default:
        return add(term, in_.substr(at_, 2), 2);
    }
  }

  void property(Term &term, bool negated) {
    const size_t end = in_.find('}', at_);
    if (!in_.substr(at_ + 2).starts_with("{") || end == std::string_view::npos)
      return add(term, in_.substr(at_, 2), 2);
    std::string_view name = in_.substr(at_ + 3, end - at_ - 3);
    if (name.starts_with("^")) {
      name.remove_prefix(1);
      negated = !negated;
    }
    add_named(term, property_items(name), negated, end + 1 - at_);
  }

  std::string_view in_;
  size_t at_;
};

}  // namespace

std::string pcre2_class(std::string_view in, size_t &at) {
  ClassReader reader(in, at);
  std::string pattern = reader.read(0);
  at = reader.at();
  return pattern;
}

}  // namespace kvern::tokenizer
