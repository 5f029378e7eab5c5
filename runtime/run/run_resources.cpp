#include "runtime/run/run_resources.hpp"

namespace kvern {

RunResources::RunResources(const Session &run, int64_t max_rows, int64_t max_tokens, int64_t max_cross)
    : constraint_(run.constraint()) {
  resources_.constraint = constraint_.get();
  resources_.fall_back = run.fall_back(max_rows, max_tokens, max_cross);
  if (const Tokenizer *tokenizer = run.tokenizer())
    resources_.text = [tokenizer](std::span<const int64_t> ids) { return tokenizer->text(ids, false); };
  if (run.assistant() == nullptr) return;
  of_assistant_ = run.open_assistant_cache(max_tokens);
  resources_.assistant = run.assistant();
  resources_.assistant_cache = &*of_assistant_;
}

}  // namespace kvern
