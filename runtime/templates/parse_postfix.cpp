// What follows a value: attributes, subscripts, calls, filters, tests.
#include <utility>

#include "runtime/templates/parser.hpp"
#include "runtime/templates/registry.hpp"

namespace kvern::templates {

ExpressionPtr ExpressionParser::postfix(ExpressionPtr node) {
  const int before = depth_;
  while (true) {
    if (++depth_ > kMaxPostfix + before) stream_.fail("too many subscripts and calls behind one value");
    if (stream_.is_op(".") || stream_.is_op("["))
      node = subscript(std::move(node));
    else if (stream_.is_op("("))
      node = call(std::move(node));
    else
      break;
  }
  depth_ = before;
  return node;
}

ExpressionPtr ExpressionParser::postfix_filters(ExpressionPtr node) {
  const int before = depth_;
  while (true) {
    if (++depth_ > kMaxPostfix + before) stream_.fail("too many filters, tests and calls behind one value");
    if (stream_.is_op("|"))
      node = filters(std::move(node));
    else if (stream_.is_name("is"))
      node = test(std::move(node));
    else if (stream_.is_op("("))
      node = call(std::move(node));
    else
      break;
  }
  depth_ = before;
  return node;
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr node) {
  const int line = stream_.current().line;
  if (stream_.skip_op(".")) {
    const Token token = stream_.take();
    if (token.kind == TokenKind::name) {
      ExpressionPtr whole = make(ExpressionKind::attribute, line);
      whole->name = token.text;
      whole->items.push_back(std::move(node));
      return whole;
    }
    if (token.kind != TokenKind::integer || token.text.size() > 18)
      stream_.fail("expected name or number", token.line);
    ExpressionPtr whole = make(ExpressionKind::item, line);
    whole->items.push_back(std::move(node));
    whole->items.push_back(make(ExpressionKind::constant, line));
    whole->items[1]->constant = Value(int64_t{std::stoll(token.text, nullptr, 0)});
    return whole;
  }
  stream_.take();
  ExpressionPtr whole = make(ExpressionKind::item, line), keys = make(ExpressionKind::tuple, line);
  whole->items.push_back(std::move(node));
  while (!stream_.is_op("]")) {
    if (!keys->items.empty()) stream_.expect_op(",");
    keys->items.push_back(subscribed());
  }
  stream_.expect_op("]");
  whole->items.push_back(keys->items.size() == 1 ? std::move(keys->items[0]) : std::move(keys));
  return whole;
}

ExpressionPtr ExpressionParser::slice_part() {
  if (stream_.is_op(":") || stream_.is_op("]") || stream_.is_op(",")) return nullptr;
  return expression();
}

ExpressionPtr ExpressionParser::subscribed() {
  const int line = stream_.current().line;
  ExpressionPtr start = stream_.is_op(":") ? nullptr : expression();
  if (!stream_.skip_op(":")) return start;
  ExpressionPtr node = make(ExpressionKind::slice, line);
  node->items.push_back(std::move(start));
  node->items.push_back(slice_part());
  node->items.push_back(stream_.skip_op(":") ? slice_part() : nullptr);
  return node;
}

ExpressionPtr ExpressionParser::call(ExpressionPtr node) {
  ExpressionPtr whole = make(ExpressionKind::call, stream_.current().line);
  whole->items.push_back(std::move(node));
  whole->arguments = call_arguments();
  return whole;
}

CallArguments ExpressionParser::call_arguments() {
  CallArguments arguments;
  const int line = stream_.current().line;
  stream_.expect_op("(");
  for (bool first = true; !stream_.is_op(")"); first = false) {
    if (!first) stream_.expect_op(",");
    if (stream_.is_op(")")) break;
    argument(arguments, line);
  }
  stream_.expect_op(")");
  return arguments;
}

void ExpressionParser::argument(CallArguments &arguments, int line) {
  const auto ensure = [&](bool valid) {
    if (!valid) stream_.fail("invalid syntax for function call expression", line);
  };
  if (stream_.skip_op("*")) {
    ensure(!arguments.star && !arguments.star_star);
    arguments.star = expression();
  } else if (stream_.skip_op("**")) {
    ensure(!arguments.star_star);
    arguments.star_star = expression();
  } else if (stream_.current().kind == TokenKind::name && stream_.ahead_is_op("=")) {
    ensure(!arguments.star_star);
    const std::string key = stream_.take().text;
    stream_.take();
    arguments.named.emplace_back(key, expression());
  } else {
    ensure(!arguments.star && !arguments.star_star && arguments.named.empty());
    arguments.positional.push_back(expression());
  }
}

std::string ExpressionParser::dotted_name() {
  std::string name = stream_.expect(TokenKind::name, "name").text;
  while (stream_.skip_op(".")) name += "." + stream_.expect(TokenKind::name, "name").text;
  return name;
}

void ExpressionParser::check_known(bool is_filter, const std::string &name, int line) {
  if (is_filter ? find_filter(name) != nullptr : find_test(name) != nullptr) return;
  const std::string text = is_filter ? unknown_filter(name) : unknown_test(name);
  if (!soft_) stream_.fail(text, line);
  unknown_.emplace_back(text, line);
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr node) {
  const Token &token = stream_.current();
  ExpressionPtr whole = make(ExpressionKind::filter, token.line);
  whole->name = dotted_name();
  whole->items.push_back(std::move(node));
  check_known(true, whole->name, whole->line);
  if (stream_.is_op("(")) whole->arguments = call_arguments();
  return whole;
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr node, bool start) {
  if (start) node = filter(std::move(node));
  const int before = depth_;
  while (stream_.skip_op("|")) {
    if (++depth_ > kMaxPostfix + before) stream_.fail("too many filters behind one value");
    node = filter(std::move(node));
  }
  depth_ = before;
  return node;
}

bool ExpressionParser::begins_test_argument() const {
  switch (stream_.current().kind) {
    case TokenKind::name:
      return !stream_.is_name("else") && !stream_.is_name("or") && !stream_.is_name("and");
    case TokenKind::text:
    case TokenKind::integer:
    case TokenKind::number:
      return true;
    default:
      return stream_.is_op("[") || stream_.is_op("{");
  }
}

ExpressionPtr ExpressionParser::test(ExpressionPtr node) {
  const int line = stream_.take().line;
  const bool negated = stream_.skip_name("not");
  ExpressionPtr whole = make(ExpressionKind::test, line);
  whole->name = dotted_name();
  whole->items.push_back(std::move(node));
  check_known(false, whole->name, line);
  if (stream_.is_op("(")) {
    whole->arguments = call_arguments();
  } else if (begins_test_argument()) {
    if (stream_.is_name("is")) stream_.fail("You cannot chain multiple tests with is");
    whole->arguments.positional.push_back(postfix(primary()));
  }
  if (!negated) return whole;
  ExpressionPtr negation = make(ExpressionKind::unary, line);
  negation->name = "not";
  negation->items.push_back(std::move(whole));
  return negation;
}

}  // namespace kvern::templates
