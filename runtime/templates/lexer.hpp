// Tokens of a template, with Jinja's rules of white space (trim_blocks and lstrip_blocks on).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "runtime/templates/failure.hpp"

namespace kvern::templates {

/// A failure at a known line, before anything is interpreted.
struct SyntaxFailure {
  Failure failure;
  int line;
};

enum class TokenKind {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  text,
  integer,
  number,
  op,
  end
};

struct Token {
  TokenKind kind;
  int line;
  std::string text;  ///< data, name, value of a string, digits of a number, symbol of an operator
};

/// All tokens, the last of the kind `end`. Throws SyntaxFailure.
std::vector<Token> tokenize(std::string_view source);

/// How a message names a token.
std::string describe(const Token &token);

}  // namespace kvern::templates
