#include "runtime/templates/chat_template.hpp"

#include <algorithm>

#include "runtime/support/utf8.hpp"
#include "runtime/templates/interpreter.hpp"
#include "runtime/templates/parser.hpp"

namespace kvern::templates {

struct TemplateTree {
  Body body;
};

ChatTemplate::ChatTemplate(std::string_view source, std::string file) : file_(std::move(file)) {
  if (const auto place = invalid_utf8(source)) {
    const auto line =
        1 + std::count(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(*place), '\n');
    throw TemplateError(file_, static_cast<int>(line), {Failure::Kind::other, "the template is not UTF-8"});
  }
  try {
    tree_ = std::make_shared<const TemplateTree>(TemplateTree{parse(source)});
  } catch (const SyntaxFailure &failure) {
    throw TemplateError(file_, failure.line, failure.failure);
  }
}

std::string ChatTemplate::render(const Dict &variables, const std::tm &now, const Limits &limits) const {
  Interpreter interpreter(limits, now);
  try {
    return interpreter.render(tree_->body, variables);
  } catch (const Failure &failure) {
    throw TemplateError(file_, interpreter.line(), failure);
  }
}

}  // namespace kvern::templates
