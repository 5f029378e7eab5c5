#include "runtime/templates/parser.hpp"

#include <algorithm>
#include <charconv>

namespace kvern::templates {

namespace {
/// Expressions within each other at most so deep, chains of operators included, so that no walk over the tree overflows
/// the stack.
constexpr int kMaxNesting = 600;
}  // namespace

class Nesting {
 public:
  explicit Nesting(ExpressionParser &parser) : parser_(parser), before_(parser.depth_) { deepen(); }
  ~Nesting() { parser_.depth_ = before_; }
  Nesting(const Nesting &) = delete;
  Nesting &operator=(const Nesting &) = delete;
  void deepen() {
    if (++parser_.depth_ > kMaxNesting)
      parser_.stream_.fail("expressions are nested more than " + std::to_string(kMaxNesting) + " deep");
  }

 private:
  ExpressionParser &parser_;
  int before_;
};

Token TokenStream::take() {
  Token token = tokens_[place_];
  if (place_ + 1 < tokens_.size()) ++place_;
  return token;
}

bool TokenStream::skip_op(std::string_view symbol) {
  if (!is_op(symbol)) return false;
  take();
  return true;
}

bool TokenStream::skip_name(std::string_view name) {
  if (!is_name(name)) return false;
  take();
  return true;
}

void TokenStream::fail(const std::string &text, int line) const {
  throw SyntaxFailure{{Failure::Kind::other, text}, line ? line : current().line};
}

void TokenStream::unexpected(std::string_view expected) const {
  const std::string wanted = "'" + std::string(expected) + "'";
  if (current().kind == TokenKind::end) fail("unexpected end of template, expected " + wanted + ".");
  fail("expected token " + wanted + ", got '" + describe(current()) + "'");
}

Token TokenStream::expect(TokenKind kind, const char *description) {
  if (current().kind != kind) unexpected(description);
  return take();
}

void TokenStream::expect_op(std::string_view symbol) {
  if (!skip_op(symbol)) unexpected(symbol);
}

void TokenStream::expect_name(std::string_view name) {
  if (!skip_name(name)) unexpected(name);
}

ExpressionPtr ExpressionParser::make(ExpressionKind kind, int line) const {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = line;
  return node;
}

void ExpressionParser::store(const std::string &name) {
  if (name == "loop" && loops_) stream_.fail("Can't assign to special loop variable in for-loop target");
  for (NameUse &use : functions_) use.stored.insert(name);
}

ExpressionPtr ExpressionParser::expression(bool with_conditional) {
  const Nesting nesting(*this);
  return with_conditional ? conditional() : either();
}

ExpressionPtr ExpressionParser::conditional() {
  Nesting nesting(*this);
  const bool soft = soft_;
  int line = stream_.current().line;
  soft_ = true;  // not known yet whether an `if` follows: checked again below
  const size_t unknown = unknown_.size();
  ExpressionPtr node = either();
  soft_ = soft;
  if (!stream_.is_name("if") && !soft && unknown_.size() > unknown)
    stream_.fail(unknown_[unknown].first, unknown_[unknown].second);
  while (stream_.skip_name("if")) {
    nesting.deepen();
    ExpressionPtr whole = make(ExpressionKind::conditional, line);
    soft_ = true;
    whole->items.push_back(either());
    whole->items.push_back(std::move(node));
    whole->items.push_back(stream_.skip_name("else") ? conditional() : nullptr);
    soft_ = soft;
    node = std::move(whole);
    line = stream_.current().line;
  }
  return node;
}

ExpressionPtr ExpressionParser::negation() {
  if (!stream_.is_name("not")) return comparison();
  const Nesting nesting(*this);
  ExpressionPtr node = make(ExpressionKind::unary, stream_.take().line);
  node->name = "not";
  node->items.push_back(negation());
  return node;
}

ExpressionPtr ExpressionParser::comparison() {
  static constexpr std::string_view kSymbols[] = {"==", "!=", "<", "<=", ">", ">="};
  ExpressionPtr first = sum();
  ExpressionPtr node = make(ExpressionKind::compare, first->line);
  node->items.push_back(std::move(first));
  const auto add = [&](std::string op) {
    node->ops.push_back(std::move(op));
    node->items.push_back(sum());
  };
  while (true) {
    const Token &token = stream_.current();
    if (token.kind == TokenKind::op &&
        std::find(std::begin(kSymbols), std::end(kSymbols), token.text) != std::end(kSymbols)) {
      add(stream_.take().text);
    } else if (stream_.skip_name("in")) {
      add("in");
    } else if (stream_.is_name("not") && stream_.ahead_is_name("in")) {
      stream_.take();
      stream_.take();
      add("not in");
    } else {
      return node->ops.empty() ? std::move(node->items[0]) : std::move(node);
    }
  }
}

ExpressionPtr ExpressionParser::chain(ExpressionPtr (ExpressionParser::*operand)(),
                                      std::initializer_list<std::string_view> symbols) {
  Nesting nesting(*this);
  ExpressionPtr left = (this->*operand)();
  const auto follows = [&] {
    return std::any_of(symbols.begin(), symbols.end(), [&](std::string_view symbol) {
      return stream_.is_op(symbol) || stream_.is_name(symbol);
    });
  };
  while (follows()) {
    nesting.deepen();
    ExpressionPtr node = make(ExpressionKind::binary, stream_.current().line);
    node->name = stream_.take().text;
    node->items.push_back(std::move(left));
    node->items.push_back((this->*operand)());
    left = std::move(node);
  }
  return left;
}

ExpressionPtr ExpressionParser::either() { return chain(&ExpressionParser::both, {"or"}); }
ExpressionPtr ExpressionParser::both() { return chain(&ExpressionParser::negation, {"and"}); }
ExpressionPtr ExpressionParser::sum() { return chain(&ExpressionParser::concatenation, {"+", "-"}); }
ExpressionPtr ExpressionParser::product() { return chain(&ExpressionParser::power, {"*", "/", "//", "%"}); }
ExpressionPtr ExpressionParser::power() { return chain(&ExpressionParser::unary_with_filters, {"**"}); }
ExpressionPtr ExpressionParser::unary_with_filters() { return unary(true); }

ExpressionPtr ExpressionParser::concatenation() {
  ExpressionPtr first = product();
  if (!stream_.is_op("~")) return first;
  ExpressionPtr node = make(ExpressionKind::concatenate, first->line);
  node->items.push_back(std::move(first));
  while (stream_.skip_op("~")) node->items.push_back(product());
  return node;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Nesting nesting(*this);
  ExpressionPtr node;
  if (stream_.is_op("-") || stream_.is_op("+")) {
    node = make(ExpressionKind::unary, stream_.current().line);
    node->name = stream_.take().text;
    node->items.push_back(unary(false));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filters ? postfix_filters(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::primary(bool with_namespace) {
  const Token &token = stream_.current();
  switch (token.kind) {
    case TokenKind::name:
      return name_or_constant(with_namespace);
    case TokenKind::text:
      return string_constant();
    case TokenKind::integer:
    case TokenKind::number:
      return number_constant();
    default:
      break;
  }
  if (stream_.skip_op("(")) {
    ExpressionPtr node = tuple(true, TupleEnd::none, true);
    stream_.expect_op(")");
    return node;
  }
  if (stream_.is_op("[")) return list();
  if (stream_.is_op("{")) return dict();
  stream_.fail("unexpected '" + describe(token) + "'");
}

ExpressionPtr ExpressionParser::name_or_constant(bool with_namespace) {
  const Token token = stream_.take();
  const std::string &text = token.text;
  ExpressionPtr node = make(ExpressionKind::constant, token.line);
  if (text == "true" || text == "True" || text == "false" || text == "False") {
    node->constant = Value(text == "true" || text == "True");
  } else if (text != "none" && text != "None") {
    node->kind = ExpressionKind::name;
    node->name = text;
    if (with_namespace && stream_.skip_op(".")) {
      node->kind = ExpressionKind::namespaced;
      node->attribute = stream_.expect(TokenKind::name, "name").text;
    }
    for (NameUse &use : functions_)
      if (!use.stored.contains(text)) use.read.insert(text);
  }
  return node;
}

ExpressionPtr ExpressionParser::string_constant() {
  ExpressionPtr node = make(ExpressionKind::constant, stream_.current().line);
  std::string text;
  while (stream_.current().kind == TokenKind::text) text += stream_.take().text;
  node->constant = Value(std::move(text));
  return node;
}

ExpressionPtr ExpressionParser::number_constant() {
  const Token token = stream_.take();
  ExpressionPtr node = make(ExpressionKind::constant, token.line);
  const char *begin = token.text.data(), *end = begin + token.text.size();
  if (token.kind == TokenKind::number) {
    double value = 0;
    if (std::from_chars(begin, end, value).ec == std::errc::result_out_of_range)
      value = std::strtod(token.text.c_str(), nullptr);
    node->constant = Value(value);
    return node;
  }
  const char kind = token.text.size() > 1 ? static_cast<char>(token.text[1] | 0x20) : '0';
  const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
  int64_t value = 0;
  if (std::from_chars(begin + (base == 10 ? 0 : 2), end, value, base).ec != std::errc())
    stream_.fail("the integer " + token.text + " is beyond 64 bits", token.line);
  node->constant = Value(value);
  return node;
}

ExpressionPtr ExpressionParser::list() {
  ExpressionPtr node = make(ExpressionKind::list, stream_.take().line);
  while (!stream_.is_op("]")) {
    if (!node->items.empty()) stream_.expect_op(",");
    if (stream_.is_op("]")) break;
    node->items.push_back(expression());
  }
  stream_.expect_op("]");
  return node;
}

ExpressionPtr ExpressionParser::dict() {
  ExpressionPtr node = make(ExpressionKind::dict, stream_.take().line);
  while (!stream_.is_op("}")) {
    if (!node->items.empty()) stream_.expect_op(",");
    if (stream_.is_op("}")) break;
    node->items.push_back(expression());
    stream_.expect_op(":");
    node->items.push_back(expression());
  }
  stream_.expect_op("}");
  return node;
}

bool ExpressionParser::at_tuple_end(TupleEnd end) const {
  const TokenKind kind = stream_.current().kind;
  if (kind == TokenKind::variable_end || kind == TokenKind::block_end || stream_.is_op(")")) return true;
  if (end == TupleEnd::none) return false;
  return stream_.is_name(end == TupleEnd::in ? "in" : "recursive");
}

ExpressionPtr ExpressionParser::tuple(bool with_conditional, TupleEnd end, bool parentheses) {
  ExpressionPtr node = make(ExpressionKind::tuple, stream_.current().line);
  bool is_tuple = false;
  while (true) {
    if (!node->items.empty()) stream_.expect_op(",");
    if (at_tuple_end(end)) break;
    node->items.push_back(expression(with_conditional));
    if (!stream_.is_op(",")) break;
    is_tuple = true;
  }
  if (is_tuple) return node;
  if (!node->items.empty()) return std::move(node->items[0]);
  if (!parentheses) stream_.fail("Expected an expression, got '" + describe(stream_.current()) + "'");
  return node;
}

ExpressionPtr ExpressionParser::simple_target(TupleEnd end, bool with_namespace) {
  ExpressionPtr node = make(ExpressionKind::tuple, stream_.current().line);
  bool is_tuple = false;
  while (true) {
    if (!node->items.empty()) stream_.expect_op(",");
    if (at_tuple_end(end)) break;
    node->items.push_back(primary(with_namespace));
    if (!stream_.is_op(",")) break;
    is_tuple = true;
  }
  if (is_tuple) return node;
  if (node->items.empty()) stream_.fail("Expected an expression, got '" + describe(stream_.current()) + "'");
  return std::move(node->items[0]);
}

void ExpressionParser::check_target(const Expression &node) const {
  static constexpr const char *kNames[] = {"const",   "name",    "nsref",  "tuple",   "list",    "dict",
                                           "getattr", "getitem", "slice",  "call",    "filter",  "test",
                                           "neg",     "add",     "concat", "compare", "condexpr"};
  if (node.kind == ExpressionKind::tuple)
    for (const auto &item : node.items) check_target(*item);
  else if (node.kind != ExpressionKind::name && node.kind != ExpressionKind::namespaced)
    stream_.fail(std::string("can't assign to '") + kNames[static_cast<int>(node.kind)] + "'", node.line);
}

ExpressionPtr ExpressionParser::target(TupleEnd end, bool with_namespace) {
  const auto uses = functions_;  // a target is stored, not read
  ExpressionPtr node = simple_target(end, with_namespace);
  functions_ = uses;
  check_target(*node);
  const auto mark = [&](const auto &self, const Expression &part) -> void {
    if (part.kind == ExpressionKind::name) store(part.name);
    for (const auto &item : part.items) self(self, *item);
  };
  mark(mark, *node);
  return node;
}

std::string ExpressionParser::target_name() {
  const std::string name = stream_.expect(TokenKind::name, "name").text;
  for (NameUse &use : functions_) use.stored.insert(name);
  return name;
}

}  // namespace kvern::templates
