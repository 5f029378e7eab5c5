#include "runtime/cli/figures.hpp"
#include "runtime/cli/generation_output.hpp"

#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "devices/cpu/threads.hpp"
#include "runtime/cli/logprobs.hpp"
#include "runtime/cli/memory.hpp"

namespace kvern::cli {
namespace {

using Json = nlohmann::json;

const char *finish_reason(const GenerationReport &f, size_t r) {
  if (f.result.finish_reason[r] == FinishReason::stop) return "stop";
  return f.interrupted ? "interrupted" : "length";
}

double acceptance_rate(const GenerationResult &result) {
  return static_cast<double>(result.accepted_tokens) / static_cast<double>(result.candidate_tokens);
}

// What follows the prompt's text.
std::string continuation(const GenerationReport &f, const std::vector<int64_t> &ids) {
  return f.run.tokenizer()->continuation(f.prompt, ids, /*skip_special_tokens=*/true);
}

Json sequence(const GenerationReport &f, size_t r) {
  const auto ids = new_ids(f, r);
  Json json{{"output_ids", ids}, {"finish_reason", finish_reason(f, r)}};
  json["text"] = f.run.tokenizer() ? Json(continuation(f, ids)) : Json();
  if (f.logprobs != nullptr)
    json["logprobs"] = f.logprobs->of_row(r, f.result.new_tokens[r], f.run.tokenizer());
  if (!f.result.sequences_scores.empty()) json["score"] = f.result.sequences_scores[r];
  return json;
}

std::string whole_text(const Tokenizer &tokenizer, std::vector<int64_t> ids,
                       const std::vector<int64_t> &more) {
  ids.insert(ids.end(), more.begin(), more.end());
  return tokenizer.text(ids, /*skip_special_tokens=*/true);
}

}  // namespace

std::vector<int64_t> new_ids(const GenerationReport &f, size_t r) {
  const auto &row = f.result.sequences[r];
  const auto begin = row.begin() + static_cast<int64_t>(f.prompt.size());
  return {begin, begin + f.result.new_tokens[r]};
}

std::string as_text(const GenerationReport &f, const std::optional<std::string> &prompt_text) {
  const Tokenizer *tokenizer = f.run.tokenizer();
  std::string text;
  for (size_t r = 0; r < f.result.sequences.size(); ++r) {
    const auto ids = new_ids(f, r);
    if (!tokenizer)
      text += ids_text(ids);
    else if (!f.run.config().echo_prompt)
      text += continuation(f, ids);
    else if (prompt_text)
      text += *prompt_text + continuation(f, ids);
    else
      text +=
          whole_text(*tokenizer, {f.prompt.begin() + (f.prefix ? f.prefix->tokens : 0), f.prompt.end()}, ids);
    text += '\n';
  }
  return text;
}

Json json_of(const GenerationReport &f) {
  const auto &t = f.result.timings;
  const auto info = f.cache.info();
  Json json = sequence(f, 0);
  json["model"] = f.run.model_folder().string();
  json["input_ids"] = f.prompt;
  for (size_t r = 0; r < f.result.sequences.size(); ++r) json["sequences"].push_back(sequence(f, r));
  json["timings"] = {{"prefill_seconds", t.prefill_seconds},
                     {"prefill_tokens", t.prefill_tokens},
                     {"prefill_tokens_per_second", per_second(t.prefill_tokens, t.prefill_seconds)},
                     {"decode_seconds", t.decode_seconds},
                     {"decode_tokens", t.decode_tokens},
                     {"decode_tokens_per_second", per_second(t.decode_tokens, t.decode_seconds)}};
  json["cache"] = {{"implementation", f.cache.plugin().name},
                   {"dtype", dtype_name(f.cache.dtype())},
                   {"tokens", info.tokens},
                   {"bytes", info.bytes_device + info.bytes_host},
                   {"bytes_used", info.bytes_used},
                   {"peak_bytes", f.cache.host().memory().peak}};
  if (f.prefix)
    json["prefix"] = {{"tokens", f.prefix->tokens},
                      {"restored", f.prefix->restored},
                      {"seconds", f.prefix->seconds},
                      {"bytes", f.prefix->bytes},
                      {"file", f.prefix->file}};
  if (f.result.candidate_tokens > 0)
    json["assisted"] = {{"candidate_tokens", f.result.candidate_tokens},
                        {"accepted_tokens", f.result.accepted_tokens},
                        {"acceptance_rate", acceptance_rate(f.result)}};
  json["threads"] = threads();
  json["peak_resident_bytes"] = peak_resident_bytes();
  if (samples(f.config)) json["seed"] = f.result.seed;
  return json;
}

std::string as_json(const GenerationReport &f) {
  return json_of(f).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string prefix_text(const PrefixUse &use) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << "prefix   " << use.tokens << " tokens "
      << (use.restored ? "restored from disk" : "computed") << " in " << use.seconds * 1e3 << " ms";
  if (use.bytes > 0) out << (use.restored ? ", " : ", kept on disk: ") << byte_text(use.bytes);
  if (use.restored) out << ", " << per_second(use.bytes, use.seconds) / 1e6 << " MB/s";
  out << '\n';
  return out.str();
}

std::string statistics(const GenerationReport &f) {
  const auto &t = f.result.timings;
  const auto info = f.cache.info();
  std::ostringstream out;
  out << std::fixed << std::setprecision(1);
  if (f.prefix) out << prefix_text(*f.prefix);
  out << "prompt   " << t.prefill_tokens << " tokens in " << t.prefill_seconds * 1e3 << " ms, "
      << per_second(t.prefill_tokens, t.prefill_seconds) << " tokens/s\n";
  out << "decode   " << t.decode_tokens << " tokens in " << t.decode_seconds * 1e3 << " ms, "
      << per_second(t.decode_tokens, t.decode_seconds) << " tokens/s on " << threads() << " threads\n";
  out << "cache    " << f.cache.plugin().name << " (" << dtype_name(f.cache.dtype()) << "), " << info.tokens
      << " tokens in " << byte_text(info.bytes_device + info.bytes_host) << ", at most "
      << byte_text(f.cache.host().memory().peak) << '\n';
  out << "memory   peak " << byte_text(peak_resident_bytes()) << ", weights "
      << byte_text(f.run.model().info().weight_bytes) << '\n';
  if (f.result.candidate_tokens > 0)
    out << "assisted " << f.result.accepted_tokens << " of " << f.result.candidate_tokens
        << " candidates accepted, " << acceptance_rate(f.result) * 100 << " %\n";
  out << "ended    ";
  for (size_t r = 0; r < f.result.finish_reason.size(); ++r) out << (r ? ", " : "") << finish_reason(f, r);
  out << '\n';
  return out.str();
}

}  // namespace kvern::cli
