// A chat template: Jinja as transformers renders it (ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks, loop
// controls, tojson, raise_exception, strftime_now and {% generation %}).
#pragma once
#include <ctime>
#include <memory>
#include <string>

#include "runtime/templates/budget.hpp"
#include "runtime/templates/value.hpp"

namespace kvern::templates {

struct TemplateTree;

class ChatTemplate {
 public:
  /// Parses. `file` is named in messages. Throws TemplateError with the line.
  ChatTemplate(std::string_view source, std::string file);

  /// The text, from variables by their names; `now` is what strftime_now sees. Throws TemplateError with the line. The
  /// template may be used by several threads at once.
  std::string render(const Dict &variables, const std::tm &now, const Limits &limits = {}) const;

  const std::string &file() const { return file_; }

 private:
  std::shared_ptr<const TemplateTree> tree_;
  std::string file_;
};

}  // namespace kvern::templates
