// One line per key; absent keys stay absent.
#include "runtime/files/generation_config.hpp"

#include "runtime/support/read_file.hpp"

namespace kvern::files {
namespace {

void read(const JsonObject &json, const char *key, std::optional<int64_t> &out) {
  if (json.has(key)) out = json.integer(key);
}

void read(const JsonObject &json, const char *key, std::optional<double> &out) {
  if (json.has(key)) out = json.number(key);
}

void read(const JsonObject &json, const char *key, std::optional<bool> &out) {
  if (json.has(key)) out = json.boolean(key);
}

void read(const JsonObject &json, const char *key, std::optional<std::string> &out) {
  if (json.has(key)) out = json.string(key);
}

void read(const JsonObject &json, const char *key, std::vector<int64_t> &out) {
  out = json.integer_or_list(key);
}

void read_lengths(const JsonObject &json, GenerationConfig &out) {
  read(json, "max_length", out.max_length);
  read(json, "max_new_tokens", out.max_new_tokens);
  read(json, "min_length", out.min_length);
  read(json, "min_new_tokens", out.min_new_tokens);
}

void read_sampling(const JsonObject &json, GenerationConfig &out) {
  read(json, "do_sample", out.do_sample);
  read(json, "temperature", out.temperature);
  read(json, "top_k", out.top_k);
  read(json, "top_p", out.top_p);
  read(json, "min_p", out.min_p);
  read(json, "typical_p", out.typical_p);
  read(json, "repetition_penalty", out.repetition_penalty);
  read(json, "no_repeat_ngram_size", out.no_repeat_ngram_size);
}

void read_search(const JsonObject &json, GenerationConfig &out) {
  read(json, "num_return_sequences", out.num_return_sequences);
  read(json, "num_beams", out.num_beams);
  read(json, "num_beam_groups", out.num_beam_groups);
  read(json, "length_penalty", out.length_penalty);
  read(json, "diversity_penalty", out.diversity_penalty);
  read(json, "penalty_alpha", out.penalty_alpha);
}

void read_tokens(const JsonObject &json, GenerationConfig &out) {
  read(json, "bos_token_id", out.bos_token_id);
  read(json, "pad_token_id", out.pad_token_id);
  if (out.pad_token_id && *out.pad_token_id < 0)
    out.pad_token_id.reset();  // -1: "there is none" in old files
  read(json, "eos_token_id", out.eos_token_id);
  read(json, "decoder_start_token_id", out.decoder_start_token_id);
  read(json, "forced_bos_token_id", out.forced_bos_token_id);
  read(json, "forced_eos_token_id", out.forced_eos_token_id);
  read(json, "suppress_tokens", out.suppress_tokens);
  read(json, "begin_suppress_tokens", out.begin_suppress_tokens);
}

GenerationConfig from_json(const JsonObject &json) {
  GenerationConfig out;
  read_lengths(json, out);
  read_sampling(json, out);
  read_search(json, out);
  read_tokens(json, out);
  read(json, "use_cache", out.use_cache);
  read(json, "cache_implementation", out.cache_implementation);
  return out;
}

}  // namespace

GenerationConfig parse_generation_config(std::string_view text, const std::string &place) {
  return from_json(JsonObject::parse(text, place));
}

GenerationConfig read_generation_config(const std::filesystem::path &folder, const ModelConfig &config) {
  const std::filesystem::path path = folder / "generation_config.json";
  if (!is_present(path)) return from_json(config);
  return from_json(JsonObject::read(path));
}

}  // namespace kvern::files
