#include "runtime/cli/chat_reply.hpp"

#include <iomanip>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "runtime/cli/generation_output.hpp"
#include "runtime/cli/interrupt.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/progress.hpp"
#include "runtime/tokenizer/decode_stream.hpp"

namespace kvern::cli {
namespace {

/// Writes a reply's text as its tokens come.
class ReplyStream {
 public:
  ReplyStream(const Tokenizer &tokenizer, const chat::Conversation &conversation)
      : tokenizer_(tokenizer), conversation_(conversation) {}

  void push(int64_t id) {
    if (!decoder_) decoder_.emplace(tokenizer_, /*skip_special_tokens=*/true, conversation_.prompt());
    if (const auto part = decoder_->push(id)) write(*part);
  }

  void finish() {
    if (decoder_) write(decoder_->finish());
    if (!line_is_empty_) write_generated("\n");
  }

 private:
  void write(const std::string &text) {
    if (text.empty()) return;
    write_generated(text);
    line_is_empty_ = text.ends_with('\n');
  }

  const Tokenizer &tokenizer_;
  const chat::Conversation &conversation_;
  std::optional<DecodeStream> decoder_;
  bool line_is_empty_ = false;
};

}  // namespace

ShownReply make_reply(const Session &session, chat::Conversation &conversation, bool streams) {
  ReplyStream stream(*session.tokenizer(), conversation);
  std::optional<Progress> progress(std::in_place, "prefill:");
  GenerationEvents events;
  events.on_prefill = [&](int64_t done, int64_t total) {
    progress->show(done, total);
    if (done == total) progress.reset();
  };
  const bool token_by_token = streams && cache_rows_per_prompt(conversation.generation()) == 1;
  ShownReply shown;
  if (const auto top = session.config().logprobs) {
    shown.logprobs.emplace(*top, conversation.generation());
    events.on_logits = [&](int64_t, const at::Tensor &logits) { shown.logprobs->on_logits(logits); };
  }
  events.on_tokens = [&](const std::vector<int64_t> &next) {
    if (shown.logprobs) shown.logprobs->on_tokens(next);
    progress.reset();
    if (token_by_token) stream.push(next[0]);
  };
  const Interrupt interrupt(Interrupt::Second::waits);
  events.stop_requested = Interrupt::requested;
  try {
    shown.reply = conversation.reply(events);
  } catch (...) {
    if (token_by_token) stream.finish();
    throw;
  }
  progress.reset();
  shown.interrupted = Interrupt::requested();
  if (token_by_token)
    stream.finish();
  else if (streams)
    write_generated(shown.reply.text + "\n");
  return shown;
}

std::string reply_summary(const chat::Reply &reply) {
  const auto &timings = reply.result.timings;
  std::ostringstream out;
  out << static_cast<int64_t>(reply.prompt.size()) - reply.reused << " tokens computed, " << reply.reused
      << " reused; " << reply.result.new_tokens.front() << " generated";
  if (timings.decode_tokens > 0 && timings.decode_seconds > 0)
    out << std::fixed << std::setprecision(1) << " at "
        << static_cast<double>(timings.decode_tokens) / timings.decode_seconds << " tokens/s";
  if (reply.prefix)
    out << "; prefix of " << reply.prefix->tokens << " tokens "
        << (reply.prefix->restored ? "restored from disk" : "computed");
  if (reply.recomputed) out << " (" << *reply.recomputed << ")";
  return out.str();
}

std::string reply_json(const Session &session, chat::Conversation &conversation, const ShownReply &shown) {
  const auto config = conversation.generation();
  const chat::Reply &reply = shown.reply;
  GenerationReport report{session,      reply.prompt,         config,
                          reply.result, conversation.cache(), shown.interrupted};
  if (reply.prefix) report.prefix = &*reply.prefix;
  if (shown.logprobs) report.logprobs = &*shown.logprobs;
  auto json = json_of(report);
  json["message"] = {{"role", "assistant"}, {"content", reply.text}};
  json["reused_tokens"] = reply.reused;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace kvern::cli
