// One reply of a conversation on the terminal: streamed as it is made, ended by Ctrl-C.
#pragma once
#include <string>

#include "runtime/chat/conversation.hpp"
#include "runtime/cli/logprobs.hpp"

namespace kvern::cli {

struct ShownReply {
  chat::Reply reply;
  bool interrupted = false;
  std::optional<Logprobs> logprobs;  ///< where they are configured
};

/// Generates a reply; `streams`: its text goes to standard output as it is made, and a line break at the end.
ShownReply make_reply(const Session &session, chat::Conversation &conversation, bool streams);

/// "17 tokens computed, 42 reused; 25 generated at 31.0 tokens/s": one line, with why something is computed again.
std::string reply_summary(const chat::Reply &reply);

/// An object with `message` and what `kvern generate --output json` prints.
std::string reply_json(const Session &session, chat::Conversation &conversation, const ShownReply &shown);

}  // namespace kvern::cli
