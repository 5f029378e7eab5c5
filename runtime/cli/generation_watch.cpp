#include "runtime/cli/generation_watch.hpp"

#include "runtime/cli/output.hpp"

namespace kvern::cli {

TextStream::TextStream(const Tokenizer &tokenizer, const std::optional<std::string> &text,
                       const std::vector<int64_t> &ids, bool echo)
    : decoder_(tokenizer, /*skip_special_tokens=*/true, text || !echo ? ids : std::vector<int64_t>()) {
  if (!echo) return;
  if (text)
    write_generated(*text);
  else
    for (const int64_t id : ids) push(id);
}

void TextStream::push(int64_t id) {
  if (const auto part = decoder_.push(id)) write_generated(*part);
}

void TextStream::finish() { write_generated(decoder_.finish() + "\n"); }

GenerationWatch::GenerationWatch(int64_t most_tokens, std::function<TextStream()> stream, Logprobs *logprobs)
    : most_tokens_(most_tokens), make_stream_(std::move(stream)), logprobs_(logprobs) {
  progress_.emplace("prefill:", "tokens");
}

GenerationEvents GenerationWatch::events() {
  GenerationEvents events;
  events.on_prefill = [this](int64_t done, int64_t total) { on_prefill(done, total); };
  events.on_logits = [this](int64_t step, const at::Tensor &logits) { on_logits(step, logits); };
  events.on_tokens = [this](const std::vector<int64_t> &next) { on_tokens(next); };
  return events;
}

void GenerationWatch::on_prefill(int64_t done, int64_t total) {
  progress_->show(done, total);
  if (done < total) return;
  progress_.reset();
  if (!make_stream_) progress_.emplace("generated:", "tokens");
}

void GenerationWatch::on_logits(int64_t step, const at::Tensor &logits) {
  if (logprobs_ != nullptr) logprobs_->on_logits(logits);
  if (progress_ && !make_stream_ && step > 0) progress_->show(step, most_tokens_);
}

void GenerationWatch::on_tokens(const std::vector<int64_t> &next) {
  if (logprobs_ != nullptr) logprobs_->on_tokens(next);
  if (!make_stream_) return;
  progress_.reset();
  if (!stream_) stream_.emplace(make_stream_());
  stream_->push(next[0]);
}

bool GenerationWatch::finish() {
  progress_.reset();
  if (stream_) stream_->finish();
  return stream_.has_value();
}

}  // namespace kvern::cli
