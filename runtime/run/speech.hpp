// What a speech model (Whisper) is asked by the first tokens of its decoder: language, task, timestamps or none.
#pragma once
#include <filesystem>
#include <functional>
#include <kvern/generation.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kvern {

/// Tokens that generation_config.json of a speech model names.
struct SpeechTokens {
  std::optional<int64_t> start;                      ///< decoder_start_token_id
  std::optional<int64_t> no_timestamps;              ///< the ids behind it are timestamps
  std::map<std::string, int64_t> languages;          ///< lang_to_id: "<|en|>"
  std::map<std::string, int64_t> tasks;              ///< task_to_id: "transcribe", "translate"
  std::map<int64_t, std::optional<int64_t>> forced;  ///< forced_decoder_ids, by place; none = to be detected

  /// Throws Error(model) for a key of a wrong form.
  static SpeechTokens read(const std::filesystem::path &folder);
  /// The keys that read() reads and generation does not.
  static const std::vector<std::string> &keys();

  bool is_timestamp(int64_t id) const { return no_timestamps && id > *no_timestamps; }
  /// Seconds that a timestamp stands for.
  double seconds(int64_t id) const { return static_cast<double>(id - *no_timestamps - 1) * 0.02; }
};

struct SpeechRequest {
  std::optional<std::string>
      language;  ///< "en" or "<|en|>"; none: as the model's configuration says, or detected
  std::optional<std::string> task;
  bool timestamps = false;
};

/// The decoder's prompt, as transformers builds it. detect: the id of the language that is spoken; called where it is not known.
/// Throws Error(input) for a language or task that the model does not have, with the nearest.
std::vector<int64_t> speech_prompt(const SpeechTokens &tokens, const SpeechRequest &request,
                                   const std::function<int64_t()> &detect);

/// The likeliest language of each row. The cache is empty before and after.
std::vector<int64_t> detect_language(const Model &model, Cache &cache, const SpeechTokens &tokens,
                                     const EncoderInput &input);

}  // namespace kvern
