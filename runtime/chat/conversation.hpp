// A conversation with a model: messages, and a cache that stays from turn to turn, so that only new text is computed.
#pragma once
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "runtime/chat/held_tokens.hpp"
#include "runtime/chat/messages.hpp"
#include "runtime/run/prefix.hpp"
#include "runtime/run/session.hpp"
#include "runtime/templates/chat_template.hpp"

namespace kvern::chat {

/// What a template sees beside the messages.
struct TemplateInput {
  Value tools;           ///< None: absent
  templates::Dict more;  ///< further variables
  std::tm started{};     ///< the clock: it stands still, so that the beginning of the text stays what it was
};

struct Reply {
  std::string text;                       ///< special tokens left out
  std::vector<int64_t> prompt;            ///< ids of the whole conversation, behind those of the prefix
  std::optional<PrefixUse> prefix;        ///< where it was filled for this reply
  int64_t reused = 0;                     ///< of them, not computed again
  std::optional<std::string> recomputed;  ///< why a part that the cache held is computed again
  GenerationResult result;
};

/// How a cache came to be that took over from another.
struct Move {
  int64_t imported = 0;                ///< tokens
  std::optional<std::string> why_not;  ///< they are computed again in the next turn
};

class Conversation {
 public:
  /// The session outlives it. Throws Error(input) where the model has no tokenizer, or an encoder. The cache is opened. The ids of the
  /// configured prefix, if there is one, come before those of the template's text.
  Conversation(const Session &session, templates::ChatTemplate chat_template, TemplateInput input);

  const std::vector<Value> &messages() const { return messages_; }
  void add(Value message) { messages_.push_back(std::move(message)); }
  /// Other messages; what the cache holds of their beginning is used again.
  void set_messages(std::vector<Value> messages) { messages_ = std::move(messages); }
  /// Takes away messages of the assistant at the end. False where there is none, or nothing before it.
  bool take_back_reply();
  /// Forgets all but the system's messages at the beginning, and what the cache holds.
  void reset();
  void set_system(const std::string &text);  ///< replaces the system's message; "": none

  /// The text of all messages, as the model reads it.
  std::string render() const;

  /// Answers the messages and adds the answer to them. After an exception they are as before. Throws TemplateError;
  /// Error(input) where the text does not fit; what generate throws.
  Reply reply(const GenerationEvents &events);

  /// Another cache takes over what this one holds, without computing it again where the contract has a way. The
  /// configuration has been checked. After an exception the old cache is in use.
  Move move_to(const config::RunConfig &cache);

  /// The ids of the text that is being answered, or was answered last.
  const std::vector<int64_t> &prompt() const { return prompt_; }
  GenerationConfig generation() const;
  Cache &cache() { return *cache_; }

 private:
  int64_t expected_tokens() const;
  Cache open(const config::RunConfig &config) const;
  void fill_with_prefix(Reply &reply);
  void keep_common(Reply &reply);
  std::string why_recomputed(int64_t common, int64_t tokens, int64_t kept) const;
  GenerationResult generate_reply(const Reply &reply, const GenerationEvents &events);
  void forget();
  void hold(const std::string &text, const Reply &reply);

  const Session &session_;
  templates::ChatTemplate template_;
  TemplateInput input_;
  config::RunConfig cache_config_;
  std::vector<Value> messages_;
  std::optional<Cache> cache_;
  FallBack fall_back_;  // of the whole conversation: a cache that has had its turn is not tried again
  HeldTokens held_;     // behind the prefix
  std::vector<int64_t> prefix_, prompt_;
  bool fills_prefix_ = false;  // the cache is the configured one, and may have the prefix on disk
  int64_t replies_ = 0;
};

/// The tokenizer's special tokens by their names ("bos_token").
templates::Dict special_tokens(const Tokenizer &tokenizer);

}  // namespace kvern::chat
