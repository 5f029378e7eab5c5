#include "runtime/chat/messages.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <kvern/error.hpp>

#include "runtime/support/read_file.hpp"
#include "runtime/templates/json_text.hpp"

namespace kvern::chat {
namespace fs = std::filesystem;
namespace {

const Value *find(const Value &object, std::string_view key) { return object.as_dict().find(key); }

/// A type as JSON calls it, with its article.
std::string json_type(const Value &value) {
  if (value.is_dict()) return "an object";
  if (value.is_list()) return "a list";
  if (value.is_text()) return "a string";
  if (value.is_none()) return "null";
  return value.is_bool() ? "a boolean" : "a number";
}

[[noreturn]] void wrong(const std::string &place, const std::string &text) {
  throw Error(ErrorKind::input, place + ": " + text);
}

void check_message(const Value &message, const std::string &place) {
  if (!message.is_dict())
    wrong(place, "expected an object with 'role' and 'content', found " + json_type(message));
  const Value *role = find(message, "role"), *content = find(message, "content");
  if (!role) {
    std::vector<std::string> keys;
    for (const auto &entry : message.as_dict().entries()) keys.push_back(entry.first.str());
    wrong(place, "has no 'role'" + did_you_mean("role", keys));
  }
  if (!role->is_text()) wrong(place + ".role", "expected a string, found " + json_type(*role));
  if (!content && !find(message, "tool_calls")) wrong(place, "has no 'content'");
}

}  // namespace

Value message(const std::string &role, const std::string &content) {
  templates::Dict object;
  object.set("role", role);
  object.set("content", content);
  return Value::dict(std::move(object));
}

std::string role_of(const Value &message) {
  const Value *role = message.is_dict() ? find(message, "role") : nullptr;
  return role && role->is_text() ? role->str() : "";
}

Value read_json_file(const fs::path &file) {
  return templates::from_json(read_file(file, ErrorKind::input, kMaxFileBytes, /*pipes=*/true), file.string(),
                              ErrorKind::input);
}

std::vector<Value> read_messages(const fs::path &file) {
  const Value top = read_json_file(file);
  const Value *list = &top;
  if (top.is_dict()) {
    list = find(top, "messages");
    if (!list)
      wrong(file.string(),
            "an object without 'messages'; expected a list of messages, or an object that has one");
  }
  if (!list->is_list()) wrong(file.string(), "expected a list of messages, found " + json_type(*list));
  const auto &messages = list->as_list().items;
  if (messages.empty()) wrong(file.string(), "holds no message");
  for (size_t i = 0; i < messages.size(); ++i)
    check_message(messages[i], file.string() + ": messages[" + std::to_string(i) + "]");
  return messages;
}

void write_messages(const fs::path &file, const std::vector<Value> &messages) {
  const fs::path part = file.string() + ".part" + std::to_string(::getpid());
  const auto failed = [&] {
    const std::string reason = std::strerror(errno);
    std::error_code ignored;
    fs::remove(part, ignored);
    return Error(ErrorKind::output, "cannot write " + file.string() + ": " + reason);
  };
  std::error_code absent;
  const fs::file_status there = fs::status(file, absent);
  if (fs::exists(there) && !fs::is_regular_file(there))
    throw Error(ErrorKind::output, "cannot write " + file.string() + ": it is a " +
                                       (fs::is_directory(there) ? "folder" : "device or a pipe, no file"));
  std::ofstream out(part, std::ios::binary);
  if (!out) throw failed();
  out << templates::to_json(Value::list(messages)) << '\n' << std::flush;
  if (!out) throw failed();
  out.close();
  if (std::rename(part.c_str(), file.c_str()) != 0) throw failed();
}

}  // namespace kvern::chat
