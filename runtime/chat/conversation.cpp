#include "runtime/chat/conversation.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <sstream>

#include "core/generation/driver.hpp"
#include "runtime/run/run_resources.hpp"

namespace kvern::chat {
namespace {

/// Positions that a cache is told to expect; one with a length of its own, as `static`, takes it where none is configured.
constexpr int64_t kExpectedTokens = 4096;

bool is_assistant(const Value &message) { return role_of(message) == "assistant"; }
bool is_system(const Value &message) { return role_of(message) == "system"; }

}  // namespace

templates::Dict special_tokens(const Tokenizer &tokenizer) {
  templates::Dict variables;
  for (const char *name :
       {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"})
    if (const auto text = tokenizer.special_token(name)) variables.set(name, *text);
  return variables;
}

Conversation::Conversation(const Session &session, templates::ChatTemplate chat_template, TemplateInput input)
    : session_(session),
      template_(std::move(chat_template)),
      input_(std::move(input)),
      cache_config_(session.config()) {
  if (!session.tokenizer())
    throw Error(ErrorKind::input,
                session.model_folder().string() + " has no tokenizer.json, which a conversation needs");
  if (session.model().info().encoder != EncoderKind::none)
    throw Error(ErrorKind::input, "the model '" + session.model().info().model_type +
                                      "' has an encoder; a conversation is one text");
  prefix_ = prefix_ids(session);
  fills_prefix_ = !prefix_.empty();
  cache_.emplace(open(cache_config_));
  fall_back_ = session_.fall_back(cache_rows_per_prompt(generation()), expected_tokens());
}

GenerationConfig Conversation::generation() const {
  GenerationConfig config = session_.generation();
  if (config.seed) config.seed = *config.seed + static_cast<uint64_t>(replies_);  // each reply draws anew
  return config;
}

int64_t Conversation::expected_tokens() const {
  const int64_t limit = session_.model().info().max_positions;
  return limit > 0 ? std::min(limit, kExpectedTokens) : kExpectedTokens;
}

Cache Conversation::open(const config::RunConfig &config) const {
  return open_cache(session_.model(),
                    cache_request(config, cache_rows_per_prompt(generation()), expected_tokens()));
}

bool Conversation::take_back_reply() {
  const auto last = std::find_if_not(messages_.rbegin(), messages_.rend(), is_assistant).base();
  if (last == messages_.end() || last == messages_.begin()) return false;
  messages_.erase(last, messages_.end());
  return true;
}

void Conversation::reset() {
  messages_.erase(std::find_if_not(messages_.begin(), messages_.end(), is_system), messages_.end());
  forget();
}

void Conversation::set_system(const std::string &text) {
  messages_.erase(messages_.begin(), std::find_if_not(messages_.begin(), messages_.end(), is_system));
  if (!text.empty()) messages_.insert(messages_.begin(), message("system", text));
}

std::string Conversation::render() const {
  templates::Dict variables = special_tokens(*session_.tokenizer());
  variables.set("messages", Value::list(messages_));
  variables.set("tools", input_.tools);
  variables.set("documents", Value());
  variables.set("add_generation_prompt", true);
  for (const auto &[name, value] : input_.more.entries()) variables.set(name, value);
  return template_.render(variables, input_.started);
}

void Conversation::forget() {
  held_.clear();
  if (cache_->lost()) {
    cache_.reset();
    cache_.emplace(open(cache_config_));
    fall_back_ = session_.fall_back(cache_rows_per_prompt(generation()), expected_tokens());
  } else {
    cache_->reset();
  }
}

/// A cache that holds nothing begins with the prefix, where it may be on disk.
void Conversation::fill_with_prefix(Reply &reply) {
  if (!fills_prefix_ || cache_->info().tokens > 0) return;
  reply.prefix = fill_prefix(session_, *cache_, prefix_);
  fills_prefix_ = reply.prefix->bytes > 0;
}

/// Takes back what the cache holds beyond the beginning that it has in common with the prompt.
void Conversation::keep_common(Reply &reply) {
  const int64_t tokens = cache_->info().tokens, prompt = static_cast<int64_t>(reply.prompt.size());
  const auto before = static_cast<int64_t>(prefix_.size());
  const auto text = std::span(reply.prompt).subspan(prefix_.size());
  const int64_t common = std::min(before + common_prefix(held_.ids(), text), tokens);
  if (common < tokens) {
    Driver(session_.model(), *cache_).truncate({common});
    const int64_t kept = cache_->info().tokens;
    // where the prompt ends within what is held, as when a reply is tried again, nothing was rewritten
    if (common < prompt || kept < common) reply.recomputed = why_recomputed(common, tokens, kept);
  }
  reply.reused = std::min(cache_->info().tokens, prompt - 1);
}

std::string Conversation::why_recomputed(int64_t common, int64_t tokens, int64_t kept) const {
  std::ostringstream out;
  out << "the text differs from token " << common << " of the " << tokens << " that the cache holds; " << kept
      << " are kept";
  if (kept < common) out << ": '" << cache_->plugin().name << "' cannot forget a part";
  return out.str();
}

GenerationResult Conversation::generate_reply(const Reply &reply, const GenerationEvents &events) {
  const GenerationConfig config = generation();
  const auto length = static_cast<int64_t>(reply.prompt.size());
  const RunResources of_run(session_, cache_rows_per_prompt(config), length_limit(config, length));
  GenerationResources resources = of_run.get();
  if (fall_back_)
    resources.fall_back = [this](Cache &cache, const std::vector<int64_t> &ends, const CacheError &why) {
      fills_prefix_ = false;
      return fall_back_(cache, ends, why);
    };
  Prompt prompt;
  prompt.input_ids = {reply.prompt};
  return generate(session_.model(), *cache_, prompt, config, events, resources);
}

/// What the cache holds from now on. The id that ended the reply is the template's to write.
void Conversation::hold(const std::string &text, const Reply &reply) {
  if (cache_->info().rows > 1)
    return forget();  // beams and the like: no row is known to be the one that was chosen
  const auto &sequence = reply.result.sequences.front();
  const auto begin = sequence.begin() + static_cast<std::ptrdiff_t>(reply.prompt.size());
  std::vector<int64_t> made(begin, begin + reply.result.new_tokens.front());
  const std::vector<int64_t> asked(reply.prompt.begin() + std::ssize(prefix_), reply.prompt.end());
  if (!made.empty() && session_.tokenizer()->is_special(made.back())) made.pop_back();
  held_.assign(*session_.tokenizer(), text, asked, made);
}

Reply Conversation::reply(const GenerationEvents &events) {
  const std::string text = render();
  Reply reply;
  const auto ids = held_.encode(*session_.tokenizer(), text);
  if (ids.empty())
    throw Error(ErrorKind::input, template_.file() + ": the template makes no text of these messages");
  reply.prompt = prefix_;
  reply.prompt.insert(reply.prompt.end(), ids.begin(), ids.end());
  prompt_ = reply.prompt;
  try {
    fill_with_prefix(reply);
    keep_common(reply);
    reply.result = generate_reply(reply, events);
  } catch (...) {
    forget();
    throw;
  }
  const auto &sequence = reply.result.sequences.front();
  const std::span<const int64_t> made(sequence.begin() + static_cast<std::ptrdiff_t>(reply.prompt.size()),
                                      static_cast<size_t>(reply.result.new_tokens.front()));
  reply.text = session_.tokenizer()->continuation(reply.prompt, made, /*skip_special_tokens=*/true);
  hold(text, reply);
  messages_.push_back(message("assistant", reply.text));
  ++replies_;
  return reply;
}

}  // namespace kvern::chat
