// A conversation line by line: messages, and commands that begin with a slash.
#pragma once
#include <optional>
#include <string>

#include "runtime/chat/conversation.hpp"
#include "runtime/cli/line_reader.hpp"

namespace kvern::cli {

class ChatTerminal {
 public:
  ChatTerminal(const Session &session, chat::Conversation &conversation)
      : session_(session), conversation_(conversation) {}

  /// Until the input ends or /quit. Returns the exit code: that of the last failure where the input is no terminal, else 0.
  int run();

 private:
  struct ChatCommand {
    const char *name, *argument, *help;  ///< argument: nullptr where there is none
    void (ChatTerminal::*run)(const std::string &argument);
  };
  static const ChatCommand kCommands[];

  std::optional<std::string> read_message();
  void take(const std::string &line);
  void command(const std::string &line);
  void answer();
  void failed(const std::string &message, int code);
  void say(const std::string &text) const;

  // commands
  void help(const std::string &);
  void save(const std::string &file);
  void load(const std::string &file);
  void reset(const std::string &);
  void retry(const std::string &);
  void stats(const std::string &);
  void move_cache(const std::string &cache);
  void system(const std::string &text);
  void quit(const std::string &);

  const Session &session_;
  chat::Conversation &conversation_;
  LineReader reader_;
  std::optional<chat::Reply> last_;
  bool done_ = false;
  int code_ = 0;
};

}  // namespace kvern::cli
