// The statements of a template.
#include <algorithm>
#include <functional>
#include <map>

#include "runtime/templates/parser.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

constexpr int kMaxStatementNesting = 100;

class Parser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Body run() {
    Body body = statements({});
    return body;
  }

 private:
  using Ends = std::vector<std::string>;
  using StatementPtr = std::unique_ptr<Statement>;

  StatementPtr make_statement(StatementKind kind, int line) const {
    auto node = std::make_unique<Statement>();
    node->kind = kind;
    node->line = line;
    return node;
  }

  /// Up to one of `ends`, whose name is then the current token; all of the template where there is none.
  Body statements(const Ends &ends) {
    Body body;
    if (!ends.empty()) ends_.push_back(ends);
    while (stream_.current().kind != TokenKind::end) {
      const Token &token = stream_.current();
      if (token.kind == TokenKind::data) {
        body.push_back(make_statement(StatementKind::text, token.line));
        body.back()->text = stream_.take().text;
      } else if (token.kind == TokenKind::variable_begin) {
        body.push_back(print());
      } else {
        stream_.take();
        if (at_end(ends)) {
          ends_.pop_back();
          return body;
        }
        if (auto node = statement()) body.push_back(std::move(node));
        stream_.expect(TokenKind::block_end, "end of statement block");
      }
    }
    if (!ends.empty()) fail_tag("");
    return body;
  }

  bool at_end(const Ends &ends) const {
    return std::any_of(ends.begin(), ends.end(),
                       [&](const std::string &end) { return stream_.is_name(end); });
  }

  StatementPtr print() {
    auto node = make_statement(StatementKind::output, stream_.take().line);
    node->expressions.push_back(tuple());
    stream_.expect(TokenKind::variable_end, "end of print statement");
    return node;
  }

  /// The body of a statement, to one of `ends`; takes the end's name where `drop` says so.
  Body body(const Ends &ends, bool drop = true) {
    stream_.skip_op(":");
    stream_.expect(TokenKind::block_end, "end of statement block");
    Body result = statements(ends);
    if (drop) stream_.take();
    return result;
  }

  /// A body with a scope of its own, where unknown filters fail at once.
  Body inner_body(const Ends &ends, bool drop = true) {
    const bool soft = soft_;
    soft_ = false;
    Body result = body(ends, drop);
    soft_ = soft;
    return result;
  }

  /// A body that is called: no loop is around it.
  Body function_body(const Ends &ends) {
    const int loops = breakable_;
    breakable_ = 0;
    Body result = inner_body(ends);
    breakable_ = loops;
    return result;
  }

  [[noreturn]] void fail_tag(const std::string &name) const {
    std::string text =
        name.empty() ? "Unexpected end of template." : "Encountered unknown tag '" + name + "'.";
    const bool elsewhere = std::any_of(ends_.begin(), ends_.end(), [&](const Ends &ends) {
      return std::find(ends.begin(), ends.end(), name) != ends.end();
    });
    if (!ends_.empty()) {
      std::string wanted;
      for (const std::string &end : ends_.back()) wanted += (wanted.empty() ? "'" : " or '") + end + "'";
      text += elsewhere ? " You probably made a nesting mistake. Jinja is expecting this tag, but currently "
                          "looking for "
                        : " Jinja was looking for the following tags: ";
      text += wanted + ".";
    }
    if (!tags_.empty()) text += " The innermost block that needs to be closed is '" + tags_.back() + "'.";
    stream_.fail(text);
  }

  StatementPtr statement() {
    static const std::map<std::string, StatementPtr (Parser::*)(int), std::less<>> kTags{
        {"set", &Parser::set},
        {"for", &Parser::loop},
        {"if", &Parser::conditional},
        {"macro", &Parser::macro},
        {"call", &Parser::call_block},
        {"filter", &Parser::filter_block},
        {"with", &Parser::with},
        {"block", &Parser::block},
        {"print", &Parser::print_tag},
        {"break", &Parser::leave_loop},
        {"continue", &Parser::leave_loop},
        {"generation", &Parser::generation},
        {"autoescape", &Parser::autoescape},
        {"include", &Parser::other_file},
        {"import", &Parser::other_file},
        {"from", &Parser::other_file},
        {"extends", &Parser::other_file},
    };
    const Token token = stream_.current();
    if (token.kind != TokenKind::name) stream_.fail("tag name expected");
    const auto found = kTags.find(token.text);
    if (found == kTags.end()) fail_tag(token.text);
    if (tags_.size() >= kMaxStatementNesting)
      stream_.fail("statements are nested more than " + std::to_string(kMaxStatementNesting) + " deep");
    tags_.push_back(token.text);
    StatementPtr node = (this->*found->second)(token.line);
    tags_.pop_back();
    return node;
  }

  StatementPtr set(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::set, line);
    node->targets.push_back(target(TupleEnd::none, true));
    if (stream_.skip_op("=")) {
      node->expressions.push_back(tuple());
      return node;
    }
    node->kind = StatementKind::set_block;
    if (stream_.is_op("|")) node->expressions.push_back(filters(nullptr));
    node->branches.push_back(inner_body({"endset"}));
    return node;
  }

  StatementPtr loop(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::loop, line);
    ++loops_;
    node->targets.push_back(target(TupleEnd::in));
    --loops_;
    stream_.expect_name("in");
    node->expressions.push_back(tuple(false, TupleEnd::recursive));
    if (stream_.skip_name("if")) {
      const bool soft = soft_;
      soft_ = false;
      node->expressions.push_back(expression());
      soft_ = soft;
    }
    node->recursive = stream_.skip_name("recursive");
    ++loops_;
    ++breakable_;
    node->branches.push_back(inner_body({"endfor", "else"}, false));
    --breakable_;
    if (stream_.take().text == "else") node->branches.push_back(inner_body({"endfor"}));
    --loops_;
    return node;
  }

  StatementPtr leave_loop(int line) {
    const std::string tag = stream_.take().text;
    if (!breakable_) stream_.fail("'" + tag + "' outside loop", line);
    return make_statement(tag == "break" ? StatementKind::break_loop : StatementKind::continue_loop, line);
  }

  StatementPtr conditional(int line) {
    auto node = make_statement(StatementKind::conditional, line);
    const bool soft = soft_;
    soft_ = true;
    std::string end = "elif";
    while (end == "elif") {
      stream_.take();
      node->expressions.push_back(tuple(false));
      node->branches.push_back(body({"elif", "else", "endif"}, false));
      end = stream_.current().text;
    }
    stream_.take();
    if (end == "else") node->branches.push_back(body({"endif"}));
    soft_ = soft;
    return node;
  }

  void signature(Function &function) {
    stream_.expect_op("(");
    while (!stream_.is_op(")")) {
      if (!function.parameters.empty()) stream_.expect_op(",");
      const std::string name = target_name();
      if (std::find(function.parameters.begin(), function.parameters.end(), name) !=
          function.parameters.end())
        stream_.fail("duplicate argument '" + name + "' in function definition");
      function.parameters.push_back(name);
      if (stream_.skip_op("="))
        function.defaults.push_back(expression());
      else if (!function.defaults.empty())
        stream_.fail("non-default argument follows default argument");
    }
    stream_.expect_op(")");
  }

  /// The body of a macro or call block, and which of the special parameters it reads.
  Body called_body(Function &function, const Ends &ends, int line) {
    NameUse use;
    use.stored.insert(function.parameters.begin(), function.parameters.end());
    const bool names_caller = use.stored.erase("caller") != 0;
    functions_.push_back(std::move(use));
    Body result = function_body(ends);
    const std::set<std::string> read = functions_.back().read;
    functions_.pop_back();
    if (names_caller && read.contains("caller") && !has_default(function, "caller"))
      stream_.fail(
          "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a "
          "default.",
          line);
    function.takes_caller = read.contains("caller");
    function.takes_kwargs = read.contains("kwargs");
    function.takes_varargs = read.contains("varargs");
    return result;
  }

  static bool has_default(const Function &function, const std::string &name) {
    const auto place =
        static_cast<size_t>(std::find(function.parameters.begin(), function.parameters.end(), name) -
                            function.parameters.begin());
    return place + function.defaults.size() >= function.parameters.size();
  }

  StatementPtr macro(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::macro, line);
    node->function.name = target_name();
    signature(node->function);
    node->branches.push_back(called_body(node->function, {"endmacro"}, line));
    return node;
  }

  StatementPtr call_block(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::call_block, line);
    if (stream_.is_op("(")) signature(node->function);
    node->expressions.push_back(expression());
    if (node->expressions[0]->kind != ExpressionKind::call) stream_.fail("expected call", line);
    node->branches.push_back(called_body(node->function, {"endcall"}, line));
    return node;
  }

  StatementPtr generation(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::scope, line);
    node->branches.push_back(function_body({"endgeneration"}));
    return node;
  }

  StatementPtr filter_block(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::filter_block, line);
    node->expressions.push_back(filters(nullptr, true));
    node->branches.push_back(inner_body({"endfilter"}));
    return node;
  }

  StatementPtr with(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::with, line);
    while (stream_.current().kind != TokenKind::block_end && stream_.current().kind != TokenKind::end) {
      if (!node->targets.empty()) stream_.expect_op(",");
      node->targets.push_back(target());
      stream_.expect_op("=");
      node->expressions.push_back(expression());
    }
    node->branches.push_back(inner_body({"endwith"}));
    return node;
  }

  StatementPtr autoescape(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::autoescape, line);
    node->expressions.push_back(expression());
    node->branches.push_back(inner_body({"endautoescape"}));
    return node;
  }

  StatementPtr block(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::block, line);
    node->text = stream_.expect(TokenKind::name, "name").text;
    node->scoped = stream_.skip_name("scoped");
    node->required = stream_.skip_name("required");
    if (stream_.is_op("-"))
      stream_.fail(
          "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an "
          "underscore instead.");
    if (!blocks_.insert(node->text).second) stream_.fail("block '" + node->text + "' defined twice", line);
    node->branches.push_back(function_body({"endblock"}));
    if (node->required && !is_blank(node->branches[0]))
      stream_.fail("Required blocks can only contain comments or whitespace");
    stream_.skip_name(node->text);
    return node;
  }

  static bool is_blank(const Body &body) {
    return std::all_of(body.begin(), body.end(), [](const StatementPtr &node) {
      return node->kind == StatementKind::text && strip(node->text, nullptr, Side::both).empty();
    });
  }

  StatementPtr print_tag(int line) {
    stream_.take();
    auto node = make_statement(StatementKind::output, line);
    while (stream_.current().kind != TokenKind::block_end) {
      if (!node->expressions.empty()) stream_.expect_op(",");
      node->expressions.push_back(expression());
    }
    return node;
  }

  StatementPtr other_file(int line) {
    stream_.fail("{% " + stream_.current().text + " %} needs another template; a chat template is one file",
                 line);
  }

  std::vector<Ends> ends_;
  std::vector<std::string> tags_;
  std::set<std::string> blocks_;
  int breakable_ = 0;  // loops around within the same function
};

}  // namespace

Body parse(std::string_view source) { return Parser(tokenize(source)).run(); }

}  // namespace kvern::templates
