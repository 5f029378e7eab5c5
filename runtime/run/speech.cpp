#include "runtime/run/speech.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>

#include "core/generation/driver.hpp"
#include "core/torch/torch.hpp"
#include "runtime/files/json.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern {
namespace {

std::map<std::string, int64_t> read_ids(const files::JsonObject &file, const std::string &key) {
  std::map<std::string, int64_t> ids;
  if (!file.has(key)) return ids;
  const files::JsonObject table = file.object(key);
  for (const std::string &name : table.keys()) ids[name] = table.integer(name);
  return ids;
}

/// [[1, 50259], [2, null], ...]
std::map<int64_t, std::optional<int64_t>> read_forced(const files::JsonObject &file) {
  std::map<int64_t, std::optional<int64_t>> forced;
  if (!file.has("forced_decoder_ids")) return forced;
  for (const auto &pair : file.raw().at("forced_decoder_ids")) {
    const bool good = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() &&
                      (pair[1].is_number_integer() || pair[1].is_null());
    if (!good) file.fail("forced_decoder_ids", "expected a list of pairs of a place and an id");
    forced[pair[0].get<int64_t>()] = pair[1].is_null() ? std::nullopt : std::optional(pair[1].get<int64_t>());
  }
  return forced;
}

std::vector<std::string> names_of(const std::map<std::string, int64_t> &ids) {
  std::vector<std::string> names;
  for (const auto &[name, id] : ids) names.push_back(name);
  return names;
}

int64_t find(const std::map<std::string, int64_t> &ids, const std::string &name, const char *what) {
  const auto found = ids.find(name);
  if (found != ids.end()) return found->second;
  throw Error(ErrorKind::input, std::string(what) + " " + in_quotes(name) + " is none of this model's" +
                                    (ids.empty() ? ": it has none" : did_you_mean(name, names_of(ids))));
}

bool has_value(const std::map<std::string, int64_t> &ids, int64_t id) {
  return std::any_of(ids.begin(), ids.end(), [id](const auto &entry) { return entry.second == id; });
}

}  // namespace

const std::vector<std::string> &SpeechTokens::keys() {
  static const std::vector<std::string> keys{"forced_decoder_ids", "is_multilingual", "lang_to_id",
                                             "task_to_id"};
  return keys;
}

SpeechTokens SpeechTokens::read(const std::filesystem::path &folder) {
  const auto path = folder / "generation_config.json";
  const auto file = files::JsonObject::read(is_present(path) ? path : folder / "config.json");
  SpeechTokens tokens;
  const auto id = [&](const char *key) {
    return file.has(key) ? std::optional(file.integer(key)) : std::nullopt;
  };
  tokens.start = id("decoder_start_token_id");
  tokens.no_timestamps = id("no_timestamps_token_id");
  tokens.languages = read_ids(file, "lang_to_id");
  tokens.tasks = read_ids(file, "task_to_id");
  tokens.forced = read_forced(file);
  if (!file.boolean("is_multilingual", true)) tokens.languages.clear(), tokens.tasks.clear();
  return tokens;
}

std::vector<int64_t> speech_prompt(const SpeechTokens &tokens, const SpeechRequest &request,
                                   const std::function<int64_t()> &detect) {
  if (!tokens.start)
    throw Error(ErrorKind::model, "generation_config.json: decoder_start_token_id is needed to transcribe");
  std::vector<int64_t> prompt{*tokens.start};
  std::optional<int64_t> language, task;
  for (const auto &[place, id] : tokens.forced) {
    if (!id) continue;
    if (has_value(tokens.languages, *id)) language = id;
    if (has_value(tokens.tasks, *id)) task = id;
  }
  if (request.language) {
    const std::string &name = *request.language;
    language = find(tokens.languages, name.starts_with("<|") ? name : "<|" + name + "|>", "the language");
  } else if (!language && !tokens.languages.empty()) {
    language = detect();
  }
  if (language) prompt.push_back(*language);
  if (request.task)
    task = find(tokens.tasks, *request.task, "the task");
  else if (!task && request.language && tokens.tasks.contains("transcribe"))
    task = tokens.tasks.at("transcribe");
  if (task) prompt.push_back(*task);
  if (!request.timestamps && tokens.no_timestamps) prompt.push_back(*tokens.no_timestamps);
  return prompt;
}

std::vector<int64_t> detect_language(const Model &model, Cache &cache, const SpeechTokens &tokens,
                                     const EncoderInput &input) {
  c10::InferenceMode no_gradients;
  const Encoded encoded = model.encode(input);
  const auto rows = static_cast<size_t>(encoded.hidden.size(0));
  Driver driver(model, cache, {true, 0, {}, encoded});
  const at::Tensor logits =
      driver.feed(TokenRows(rows, {tokens.start.value()}), std::vector<int64_t>(rows, 0)).logits;
  driver.reset();
  std::vector<int64_t> languages;
  for (size_t r = 0; r < rows; ++r) {
    const float *of_row = logits.const_data_ptr<float>() + static_cast<int64_t>(r) * logits.size(2);
    const auto likelier = [of_row](const auto &a, const auto &b) {
      return of_row[a.second] < of_row[b.second];
    };
    languages.push_back(std::max_element(tokens.languages.begin(), tokens.languages.end(), likelier)->second);
  }
  return languages;
}

}  // namespace kvern
