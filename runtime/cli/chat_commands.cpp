// The commands of a conversation.
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <kvern/error.hpp>
#include <sstream>

#include "runtime/cli/cache_argument.hpp"
#include "runtime/cli/chat_reply.hpp"
#include "runtime/cli/chat_terminal.hpp"
#include "runtime/cli/memory.hpp"

namespace kvern::cli {

const ChatTerminal::ChatCommand ChatTerminal::kCommands[] = {
    {"help", nullptr, "these lines", &ChatTerminal::help},
    {"save", "FILE", "writes the conversation as JSON, as --messages reads it", &ChatTerminal::save},
    {"load", "FILE", "goes on with the conversation of a file", &ChatTerminal::load},
    {"reset", nullptr, "forgets the conversation; the system prompt stays", &ChatTerminal::reset},
    {"retry", nullptr, "takes the last answer back and answers again", &ChatTerminal::retry},
    {"stats", nullptr, "figures of the last answer and of the cache", &ChatTerminal::stats},
    {"cache", "NAME", "moves the conversation to another cache, as NAME{option = value} too",
     &ChatTerminal::move_cache},
    {"system", "[TEXT]", "sets the system prompt; without TEXT it goes", &ChatTerminal::system},
    {"quit", nullptr, "ends, as Ctrl-D does", &ChatTerminal::quit},
};

void ChatTerminal::command(const std::string &line) {
  const size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string name = line.substr(1, end - 1);
  const size_t begin = std::min(line.find_first_not_of(" \t", end), line.size());
  const std::string argument = line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
  const auto found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                  [&](const ChatCommand &c) { return c.name == name; });
  if (found == std::end(kCommands)) {
    std::vector<std::string> names;
    for (const ChatCommand &c : kCommands) names.emplace_back(c.name);
    throw Error(ErrorKind::usage,
                "no command /" + name + did_you_mean(name, names) +
                    " (/help lists them; a message that begins with a slash is written with two)");
  }
  const std::string shown = std::string("/") + found->name;
  if (!found->argument && !argument.empty()) throw Error(ErrorKind::usage, shown + " takes no argument");
  if (found->argument && found->argument[0] != '[' && argument.empty())
    throw Error(ErrorKind::usage, shown + " needs an argument: " + shown + " " + found->argument);
  (this->*found->run)(argument);
}

void ChatTerminal::help(const std::string &) {
  std::ostringstream out;
  for (const ChatCommand &c : kCommands)
    out << std::left << std::setw(18)
        << std::string("/") + c.name + (c.argument ? std::string(" ") + c.argument : "") << c.help << '\n';
  out << "A line that ends with \\ goes on in the next one. Ctrl-C ends an answer, Ctrl-D the "
         "conversation.\n";
  std::cerr << out.str() << std::flush;
}

void ChatTerminal::save(const std::string &file) {
  chat::write_messages(file, conversation_.messages());
  say(std::to_string(conversation_.messages().size()) + " messages in " + file);
}

void ChatTerminal::load(const std::string &file) {
  auto messages = chat::read_messages(file);
  const bool waits = chat::role_of(messages.back()) != "assistant";
  conversation_.set_messages(std::move(messages));
  say(std::to_string(conversation_.messages().size()) + " messages" +
      (waits ? "; /retry answers the last one" : ""));
}

void ChatTerminal::reset(const std::string &) {
  conversation_.reset();
  last_.reset();
  say("forgotten");
}

void ChatTerminal::retry(const std::string &) {
  const auto &messages = conversation_.messages();
  const bool answered = !messages.empty() && chat::role_of(messages.back()) == "assistant";
  const bool waits = !messages.empty() && !answered && chat::role_of(messages.back()) != "system";
  if (!waits && !conversation_.take_back_reply())
    throw Error(ErrorKind::usage, "/retry: there is no message to answer");
  answer();
}

void ChatTerminal::stats(const std::string &) {
  std::ostringstream out;
  const auto info = conversation_.cache().info();
  out << std::fixed << std::setprecision(1);
  if (last_) {
    const auto &t = last_->result.timings;
    out << "answer   " << reply_summary(*last_) << "\n"
        << "time     " << t.prefill_seconds * 1e3 << " ms to the first token, " << t.decode_seconds * 1e3
        << " ms for the rest\n";
  }
  out << "cache    " << conversation_.cache().plugin().name << ", " << info.tokens << " tokens in "
      << byte_text(info.bytes_device + info.bytes_host) << ", at most "
      << byte_text(conversation_.cache().host().memory().peak) << "\n"
      << "messages " << conversation_.messages().size() << "\n"
      << "memory   peak " << byte_text(peak_resident_bytes()) << '\n';
  std::cerr << out.str() << std::flush;
}

void ChatTerminal::move_cache(const std::string &cache) {
  const auto move = conversation_.move_to(read_cache_argument("/cache", cache, session_.config()));
  const std::string name = conversation_.cache().plugin().name;
  say(move.why_not ? "'" + name + "' takes over; the conversation is computed again with the next answer: " +
                         *move.why_not
                   : "'" + name + "' takes over with " + std::to_string(move.imported) +
                         " tokens, none computed again");
}

void ChatTerminal::system(const std::string &text) {
  conversation_.set_system(text);
  say(text.empty() ? "no system prompt" : "system prompt set");
}

void ChatTerminal::quit(const std::string &) { done_ = true; }

}  // namespace kvern::cli
