// Another cache takes over a conversation.
#include "runtime/chat/conversation.hpp"
#include "runtime/run/exported_rows.hpp"

namespace kvern::chat {
namespace {

/// Nothing where `to` has taken the tokens of `from`.
std::optional<std::string> try_to_give(Cache &from, Cache &to, int64_t tokens) {
  std::string why;
  if (from.dtype() != to.dtype()) return "its keys are of another dtype";
  if (from.info().rows != 1) return "several sequences are held";
  const auto rows = ExportedRows::of(from, {tokens}, why);
  if (!rows || !rows->give_to(to, why)) return why;
  if (to.info().tokens == tokens) return std::nullopt;
  return std::string("'").append(to.plugin().name).append("' keeps nothing");
}

}  // namespace

Move Conversation::move_to(const config::RunConfig &config) {
  Cache next = open(config);
  const int64_t tokens = cache_->info().tokens;
  Move move;
  if (tokens > 0) move.why_not = try_to_give(*cache_, next, tokens);
  if (!move.why_not) move.imported = tokens;
  if (move.why_not && next.lost()) next = open(config);
  if (move.why_not) next.reset();
  cache_.emplace(std::move(next));
  cache_config_ = config;
  fills_prefix_ = false;
  return move;
}

}  // namespace kvern::chat
