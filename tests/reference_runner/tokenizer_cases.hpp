// Replays the recorded encodings of tokenizers: one line of a file is one case. Reads the layout of a
// reference folder; makes no comparison of its own taste: ids and texts are equal or not.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace kvern::reference {

struct ReplayResult {
  int passed = 0, failed = 0, skipped = 0;
  std::vector<std::string> failures;  ///< one line each: the case, the first field that differs, both values

  ReplayResult &operator+=(const ReplayResult &other);
};

/// A folder tokenizers/NAME: tokenizer.json, tokenizer_config.json, and encode.jsonl, pairs.jsonl,
/// stream.jsonl (those that are there). Every line counts once. A tokenizer that cannot be loaded, or a file
/// that is no JSON, is one failure.
ReplayResult replay_tokenizer_folder(const std::filesystem::path &folder);

/// One case file of kind "tokenizer": its `rows`, each a case, and its `padded_batch`, one more. `models`
/// holds the folder that the case's `model` names.
ReplayResult replay_tokenizer_case(const std::filesystem::path &file, const std::filesystem::path &models);

}  // namespace kvern::reference
