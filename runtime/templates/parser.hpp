// From tokens to the tree of a template, with Jinja's grammar and its messages.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/templates/lexer.hpp"
#include "runtime/templates/syntax.hpp"

namespace kvern::templates {

/// What the parser and the statements share: the tokens and where they stand.
class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token &current() const { return tokens_[place_]; }
  const Token &ahead() const { return tokens_[place_ + 1 < tokens_.size() ? place_ + 1 : place_]; }
  Token take();
  bool is_op(std::string_view symbol) const { return is(current(), TokenKind::op, symbol); }
  bool is_name(std::string_view name) const { return is(current(), TokenKind::name, name); }
  bool ahead_is_op(std::string_view symbol) const { return is(ahead(), TokenKind::op, symbol); }
  bool ahead_is_name(std::string_view name) const { return is(ahead(), TokenKind::name, name); }
  bool skip_op(std::string_view symbol);
  bool skip_name(std::string_view name);
  Token expect(TokenKind kind, const char *description);
  void expect_op(std::string_view symbol);
  void expect_name(std::string_view name);
  [[noreturn]] void fail(const std::string &text, int line = 0) const;  ///< line 0: that of the current token

 private:
  static bool is(const Token &token, TokenKind kind, std::string_view text) {
    return token.kind == kind && token.text == text;
  }
  [[noreturn]] void unexpected(std::string_view expected) const;

  std::vector<Token> tokens_;
  size_t place_ = 0;
};

/// Names that a function's body reads before it sets them: they decide whether `caller`, `kwargs` and `varargs` are given.
struct NameUse {
  std::set<std::string> read, stored;
};

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : stream_(std::move(tokens)) {}

 protected:
  enum class TupleEnd { none, in, recursive };

  ExpressionPtr expression(bool with_conditional = true);
  /// One expression, or a tuple of several without parentheses.
  ExpressionPtr tuple(bool with_conditional = true, TupleEnd end = TupleEnd::none, bool parentheses = false);
  ExpressionPtr target(TupleEnd end = TupleEnd::none, bool with_namespace = false);
  std::string target_name();
  /// The filters that follow; `start`: one without a bar before it comes first.
  ExpressionPtr filters(ExpressionPtr node, bool start = false);
  void store(const std::string &name);
  ExpressionPtr make(ExpressionKind kind, int line) const;

  TokenStream stream_;
  std::vector<NameUse> functions_;  // those around, innermost last
  int loops_ = 0;                   // around, counted across functions
  bool soft_ = false;  // directly in a branch of an if: unknown filters fail only if they are used

 private:
  ExpressionPtr conditional();
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr chain(ExpressionPtr (ExpressionParser::*operand)(),
                      std::initializer_list<std::string_view> symbols);
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary_with_filters();
  ExpressionPtr unary(bool with_filters);
  ExpressionPtr primary(bool with_namespace = false);
  ExpressionPtr name_or_constant(bool with_namespace);
  ExpressionPtr string_constant();
  ExpressionPtr number_constant();
  ExpressionPtr simple_target(TupleEnd end, bool with_namespace);
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr node);
  ExpressionPtr postfix_filters(ExpressionPtr node);
  ExpressionPtr subscript(ExpressionPtr node);
  ExpressionPtr subscribed();
  ExpressionPtr slice_part();
  ExpressionPtr call(ExpressionPtr node);
  ExpressionPtr filter(ExpressionPtr node);
  ExpressionPtr test(ExpressionPtr node);
  CallArguments call_arguments();
  void argument(CallArguments &arguments, int line);
  std::string dotted_name();
  bool at_tuple_end(TupleEnd end) const;
  bool begins_test_argument() const;
  void check_target(const Expression &node) const;
  void check_known(bool is_filter, const std::string &name, int line);

  /// Subscripts, calls and filters behind one value.
  static constexpr int kMaxPostfix = 100;
  int depth_ = 0;
  std::vector<std::pair<std::string, int>> unknown_;  // filters and tests that are not known, in soft places
  friend class Nesting;
};

/// The statements of a template. Throws SyntaxFailure.
Body parse(std::string_view source);

}  // namespace kvern::templates
