#include "runtime/run/generation_defaults.hpp"

namespace kvern {
namespace {

template <class To, class From>
void take(To &to, const std::optional<From> &from) {
  if (from) to = *from;
}

}  // namespace

GenerationConfig generation_defaults(const files::GenerationConfig &file) {
  GenerationConfig config;
  take(config.do_sample, file.do_sample);
  take(config.temperature, file.temperature);
  take(config.top_k, file.top_k);
  take(config.top_p, file.top_p);
  take(config.min_p, file.min_p);
  take(config.repetition_penalty, file.repetition_penalty);
  take(config.num_return_sequences, file.num_return_sequences);
  take(config.max_new_tokens, file.max_new_tokens);
  take(config.max_length, file.max_length);
  take(config.pad_token_id, file.pad_token_id);
  take(config.use_cache, file.use_cache);
  config.eos_token_id = file.eos_token_id;
  return config;
}

}  // namespace kvern
