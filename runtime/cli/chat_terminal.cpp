#include "runtime/cli/chat_terminal.hpp"

#include <iostream>
#include <kvern/error.hpp>

#include "runtime/cli/chat_reply.hpp"
#include "runtime/cli/errors.hpp"
#include "runtime/cli/interrupt.hpp"
#include "runtime/cli/text_file.hpp"

namespace kvern::cli {
namespace {

constexpr const char *kPrompt = "> ", *kMorePrompt = ". ";

std::string trimmed(const std::string &text) {
  const size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t");
  return begin == text.npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace

void ChatTerminal::say(const std::string &text) const { std::cerr << "kvern: " << text << std::endl; }

void ChatTerminal::failed(const std::string &message, int code) {
  std::cerr << error_line(message) << std::flush;
  code_ = code;
}

/// A message of one line, or of several: a line that ends with a backslash goes on. Nothing at the end.
std::optional<std::string> ChatTerminal::read_message() {
  std::string message;
  for (bool more = false; true; more = true) {
    const auto line = reader_.read(more ? kMorePrompt : kPrompt);
    if (line.end == LineReader::End::interrupted) return "";
    if (line.end == LineReader::End::closed) return more ? std::optional(message) : std::nullopt;
    message += (more ? "\n" : "") + line.text;
    if (!message.ends_with('\\')) return message;
    message.pop_back();
  }
}

int ChatTerminal::run() {
  if (reader_.is_terminal()) say("a message, or /help; Ctrl-D ends");
  while (!done_) {
    const auto message = read_message();
    if (!message) break;
    try {
      take(*message);
    } catch (const Error &error) {
      failed(error.what(), error.exit_code());
    }
  }
  return reader_.is_terminal() && code_ != kInterrupted ? 0 : code_;
}

void ChatTerminal::take(const std::string &line) {
  if (trimmed(line).empty()) return;
  check_utf8(line, "the message");
  if (line.starts_with('/') && !line.starts_with("//")) return command(line);
  const auto before = conversation_.messages();
  conversation_.add(chat::message("user", line.starts_with("//") ? line.substr(1) : line));
  try {
    answer();
  } catch (const Error &) {
    conversation_.set_messages(before);  // as if it had not been said
    throw;
  }
}

void ChatTerminal::answer() {
  const ShownReply shown = make_reply(session_, conversation_, /*streams=*/true);
  last_ = shown.reply;
  say(reply_summary(*last_) + (shown.interrupted ? "; interrupted" : ""));
  if (!Interrupt::terminated()) return;
  done_ = true;
  code_ = kInterrupted;
}

}  // namespace kvern::cli
