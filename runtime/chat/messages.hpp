// The messages of a conversation: a list of objects with `role` and `content`, as templates see them and as files hold them.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/templates/value.hpp"

namespace kvern::chat {

using templates::Value;

/// {"role": ..., "content": ...}
Value message(const std::string &role, const std::string &content);

/// The `role` of a message, "" where it has none.
std::string role_of(const Value &message);

/// Messages from a JSON file: a list, or an object with the list as `messages`. Each message is an object whose `role` is a
/// string and that has `content` (or tool calls). Throws Error(input) with file and place: "FILE: messages[2].role: ...".
std::vector<Value> read_messages(const std::filesystem::path &file);

/// A JSON file of any value. Throws Error(input).
Value read_json_file(const std::filesystem::path &file);

/// Writes messages as read_messages reads them, into a file beside `file` that then takes its name, so that a failure leaves what
/// was there. Throws Error(output).
void write_messages(const std::filesystem::path &file, const std::vector<Value> &messages);

}  // namespace kvern::chat
