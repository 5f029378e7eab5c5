// The tree of a template.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/templates/value.hpp"

namespace kvern::templates {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<std::unique_ptr<Statement>>;

enum class ExpressionKind {
  constant,     // constant
  name,         // name
  namespaced,   // name.attribute as a target of {% set %}
  tuple,        // items
  list,         // items
  dict,         // items: key, value, key, value
  attribute,    // items[0].name
  item,         // items[0][items[1]]
  slice,        // items: start, stop, step, null where absent; only within `item`
  call,         // items[0](arguments)
  filter,       // items[0] | name(arguments); items[0] is null in a filter block
  test,         // items[0] is name(arguments)
  unary,        // op items[0]: '-', '+', 'not'
  binary,       // items[0] op items[1]: arithmetic, 'and', 'or'
  concatenate,  // items joined by ~
  compare,      // items[0] ops[0] items[1] ops[1] ...
  conditional,  // items[1] if items[0] else items[2], which may be null
};

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, star_star;
};

struct Expression {
  ExpressionKind kind;
  int line;
  std::string name, attribute;
  Value constant;
  std::vector<ExpressionPtr> items;
  std::vector<std::string> ops;
  CallArguments arguments;
};

/// What a macro, a call block or {% generation %} defines.
struct Function {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<ExpressionPtr> defaults;  ///< of the last parameters
  bool takes_caller = false, takes_kwargs = false, takes_varargs = false;
};

enum class StatementKind {
  text,         // text
  output,       // expressions
  set,          // target = expressions[0]
  set_block,    // target = body, through the filter expressions[0] where there is one
  conditional,  // expressions[i] decides on branches[i]; one branch more: else
  loop,         // for target in expressions[0] [if expressions[1]]: branches[0], else branches[1]
  break_loop,
  continue_loop,
  macro,         // function, branches[0]
  call_block,    // expressions[0] is the call, function and branches[0] its caller
  filter_block,  // expressions[0], branches[0]
  with,          // targets = expressions, branches[0]
  scope,         // branches[0] in a scope of its own
  autoescape,    // expressions[0], branches[0]
  block,         // text is its name, branches[0]
};

struct Statement {
  StatementKind kind;
  int line;
  std::string text;
  std::vector<ExpressionPtr> expressions, targets;
  std::vector<Body> branches;
  Function function;
  bool recursive = false;  ///< of a loop
  bool scoped = false;     ///< of a block
  bool required = false;   ///< of a block
};

}  // namespace kvern::templates
