#include "runtime/templates/model_templates.hpp"

#include <algorithm>

#include "runtime/support/read_file.hpp"
#include "runtime/templates/json_text.hpp"

namespace kvern::templates {
namespace fs = std::filesystem;
namespace {

constexpr const char *kDefault = "default", *kToolUse = "tool_use", *kKey = "chat_template";

std::string list_of(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

/// A JSON file's object; empty where there is no such file.
Value read_object(const fs::path &file) {
  if (!is_present(file)) return Value::dict({});
  const Value value = from_json(read_file(file, ErrorKind::model), file.string(), ErrorKind::model);
  if (!value.is_dict())
    throw Error(ErrorKind::model, file.string() + ": must be an object, not " + value.type_name());
  return value;
}

}  // namespace

void ModelTemplates::add(const std::string &name, std::string text, std::string file) {
  sources_[name] = {std::move(text), std::move(file)};
}

void ModelTemplates::read_files(const fs::path &folder) {
  const fs::path single = folder / "chat_template.jinja", more = folder / "additional_chat_templates";
  if (is_present(single)) add(kDefault, read_file(single, ErrorKind::model), single.string());
  if (!fs::is_directory(more)) return;
  for (const auto &entry : fs::directory_iterator(more))
    if (entry.path().extension() == ".jinja")
      add(entry.path().stem().string(), read_file(entry.path(), ErrorKind::model), entry.path().string());
}

void ModelTemplates::read_config(const fs::path &folder) {
  for (const char *name : {"tokenizer_config.json", "chat_template.json"}) {
    const fs::path file = folder / name;
    const Value object = read_object(file);
    const Value *found = object.as_dict().find(kKey);
    if (!sources_.empty() || !found || found->is_none()) continue;
    const std::string place = file.string() + ": " + kKey;
    if (found->is_text()) {
      add(kDefault, found->str(), place);
      continue;
    }
    const auto wrong = [&] {
      return Error(ErrorKind::model,
                   place + ": must be a string, or a list of objects with the strings 'name' and 'template'");
    };
    if (!found->is_list()) throw wrong();
    for (const Value &entry : found->as_list().items) {
      const Value *key = entry.is_dict() ? entry.as_dict().find("name") : nullptr;
      const Value *text = entry.is_dict() ? entry.as_dict().find("template") : nullptr;
      if (!key || !text || !key->is_text() || !text->is_text()) throw wrong();
      add(key->str(), text->str(), place + " '" + key->str() + "'");
    }
  }
}

ModelTemplates ModelTemplates::read(const fs::path &folder) {
  ModelTemplates templates;
  templates.folder_ = folder.string();
  templates.read_files(folder);
  if (templates.sources_.empty()) templates.read_config(folder);
  return templates;
}

std::vector<std::string> ModelTemplates::names() const {
  std::vector<std::string> names;
  for (const auto &entry : sources_) names.push_back(entry.first);
  return names;
}

ChatTemplate ModelTemplates::choose(const std::optional<std::string> &name, bool with_tools) const {
  const std::string wanted = name ? *name : with_tools && sources_.contains(kToolUse) ? kToolUse : kDefault;
  const auto found = sources_.find(wanted);
  if (found != sources_.end()) return ChatTemplate(found->second.text, found->second.file);
  if (sources_.empty())
    throw Error(ErrorKind::input, folder_ +
                                      " has no chat template (chat_template.jinja, or chat_template in "
                                      "tokenizer_config.json): give one with --chat-template FILE");
  const std::string known = list_of(names());
  if (!name)
    throw Error(ErrorKind::input,
                folder_ + " has no default chat template: choose one with --chat-template NAME: " + known);
  throw Error(ErrorKind::input, "--chat-template " + wanted + ": neither a file nor a template of " +
                                    folder_ + ", which has " + known + did_you_mean(wanted, names()));
}

ChatTemplate read_template(const fs::path &file) {
  return ChatTemplate(read_file(file, ErrorKind::input), file.string());
}

}  // namespace kvern::templates
