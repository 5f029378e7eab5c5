// Kind "chat_templates": a line of chat/cases.jsonl, rendered from the template and the conversation that it names.
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>

#include "runtime/support/read_file.hpp"
#include "runtime/templates/chat_template.hpp"
#include "runtime/templates/json_text.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

using templates::Value;

/// A file of the folder as values, read once.
const Value &read_values(const std::filesystem::path &file) {
  static std::map<std::filesystem::path, Value> read;
  const auto found = read.find(file);
  if (found != read.end()) return found->second;
  return read[file] =
             templates::from_json(read_file(file, ErrorKind::input), file.string(), ErrorKind::input);
}

std::tm clock_of(const std::string &now) {
  std::tm clock = {};
  if (!strptime(now.c_str(), "%Y-%m-%dT%H:%M:%S", &clock)) fail("no clock: " + now);
  return clock;
}

/// What apply_chat_template passes: tools and documents are None where they are not given.
templates::Dict variables_of(const Case &c) {
  const auto folder = c.file.parent_path();
  templates::Dict variables;
  const std::string name = c.json.at("conversation").get<std::string>();
  const Value *messages = read_values(folder / "conversations.json").as_dict().find(name);
  if (!messages) fail("conversations.json has no '" + name + "'");
  variables.set("messages", *messages);
  variables.set("tools", c.json.value("tools", false) ? read_values(folder / "tools.json") : Value());
  variables.set("documents", Value());
  for (const char *part : {"special_tokens", "kwargs"}) {
    const Json given = c.json.value(part, Json::object());
    for (const auto &[key, value] : given.items())
      variables.set(Value(key), templates::from_json(value.dump(), key, ErrorKind::input));
  }
  return variables;
}

std::string first_difference(const std::string &expected, const std::string &found) {
  size_t i = 0;
  while (i < expected.size() && i < found.size() && expected[i] == found[i]) ++i;
  const auto around = [i](const std::string &text) {
    return Json(text.substr(i < 40 ? 0 : i - 40, 80)).dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  return "differs at byte " + std::to_string(i) + ": expected " + around(expected) + ", found " +
         around(found);
}

std::string label(const Case &c) {
  return c.json.at("template").get<std::string>() + " over " + c.json.at("conversation").get<std::string>() +
         ": ";
}

}  // namespace

void run_chat_template(const Case &c, Context &) {
  const auto file =
      c.file.parent_path() / "templates" / (c.json.at("template").get<std::string>() + ".jinja");
  const auto error = c.json.value("error", Json());
  try {
    const templates::ChatTemplate chat_template(read_file(file, ErrorKind::model), file.string());
    const std::string text =
        chat_template.render(variables_of(c), clock_of(c.json.at("now").get<std::string>()));
    if (!error.is_null()) fail(label(c) + "rendered, but an error was expected: " + error.dump());
    const std::string expected = c.json.at("rendered").get<std::string>();
    if (text != expected) fail(label(c) + first_difference(expected, text));
  } catch (const templates::TemplateError &found) {
    if (error.is_null()) fail(label(c) + found.what());
    if (error.value("raise_exception", false) != found.raised())
      fail(label(c) + "another kind of error: " + found.what());
    const std::string message = error.value("message", std::string());
    if (found.raised() && found.text() != message)
      fail(label(c) + "expected '" + message + "', found '" + found.text() + "'");
  }
}

}  // namespace kvern::reference
