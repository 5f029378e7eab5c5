// The chat templates that a model folder comes with, and the variables that its tokenizer gives them.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/templates/chat_template.hpp"

namespace kvern::templates {

/// Sources of the templates of a folder by name; the one that has none is "default".
class ModelTemplates {
 public:
  /// chat_template.jinja and additional_chat_templates/NAME.jinja; else `chat_template` of tokenizer_config.json, a text or a
  /// list of {name, template}; else chat_template.json. Throws Error(model) for a file that is unreadable or of another form.
  static ModelTemplates read(const std::filesystem::path &folder);

  bool empty() const { return sources_.empty(); }
  std::vector<std::string> names() const;  ///< sorted

  /// The one of that name; without a name "tool_use" where there are tools and the folder has it, else "default". Throws
  /// Error(input) with the names where there is none, TemplateError where it is broken.
  ChatTemplate choose(const std::optional<std::string> &name, bool with_tools) const;

 private:
  struct Source {
    std::string text, file;
  };
  void read_files(const std::filesystem::path &folder);
  void read_config(const std::filesystem::path &folder);
  void add(const std::string &name, std::string text, std::string file);

  std::map<std::string, Source> sources_;
  std::string folder_;
};

/// A template from a file of its own. Throws Error(input) if it cannot be read.
ChatTemplate read_template(const std::filesystem::path &file);

}  // namespace kvern::templates
