// Kinds "encoder_decoder_forward", the encoder's hidden states and the decoder's logits, and "whisper_generate", Whisper's own
// generate with language and task.
#include "core/generation/driver.hpp"
#include "runtime/run/speech.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/encoder_input.hpp"
#include "tests/reference_runner/generate_options.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

Driver make_driver(const Model &model, Cache &cache, const Encoded &encoded) {
  return {model, cache, {true, 0, {}, encoded}};
}

/// A keyword that is one text for all rows, or a list.
std::optional<std::string> text_of_row(const Json &kwargs, const std::string &key, size_t row) {
  if (!kwargs.contains(key) || kwargs[key].is_null()) return {};
  return kwargs[key].is_array() ? kwargs[key].at(row).get<std::string>() : kwargs[key].get<std::string>();
}

/// The case without the keywords that decide the prompt.
Case without_speech(const Case &c) {
  Case other = c;
  for (const char *key : {"language", "task"}) other.json["generate_kwargs"].erase(key);
  return other;
}

/// Ids up to the last pair of timestamps, where one does not stand alone at the end: what follows is said in the next window.
size_t complete_length(const std::vector<int64_t> &ids, size_t begin, const SpeechTokens &tokens) {
  const size_t n = ids.size();
  const auto is = [&](size_t i) { return tokens.is_timestamp(ids[i]); };
  if (n >= begin + 2 && is(n - 1) && !is(n - 2)) return n;
  for (size_t i = n; i-- > begin + 1;)
    if (is(i) && is(i - 1)) return i + 1;
  return n;
}

/// Whisper's generate leaves the end token out and fills up with padding.
Ids without_end(const GenerationResult &result, const GenerationConfig &config, const SpeechTokens &tokens,
                int64_t prompt_length) {
  const auto eos = config.get(option::eos_token_id);
  Ids rows;
  size_t longest = 0;
  for (size_t r = 0; r < result.sequences.size(); ++r) {
    auto row = result.sequences[r];
    row.resize(static_cast<size_t>(prompt_length + result.new_tokens[r]));
    if (!row.empty() && std::find(eos.begin(), eos.end(), row.back()) != eos.end()) row.pop_back();
    row.resize(complete_length(row, static_cast<size_t>(prompt_length), tokens));
    longest = std::max(longest, row.size());
    rows.push_back(std::move(row));
  }
  for (auto &row : rows) row.resize(longest, config.get(option::pad_token_id).value_or(eos.front()));
  return rows;
}

}  // namespace

void run_encoder_decoder_forward(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const Encoded encoded = model.encode(encoder_input(c));
  const auto tensors = sidecar(c);
  if (tensors.contains("encoder_last_hidden_state"))
    expect_close(encoded.hidden, load(tensors, "encoder_last_hidden_state"), tolerance_of(c),
                 "encoder_last_hidden_state");
  const auto ids = c.json.at("inputs").at("decoder_input_ids").get<Ids>();
  const auto rows = static_cast<int64_t>(ids.size()), length = static_cast<int64_t>(ids.front().size());
  auto cache = context.open(model, "dynamic", rows, length, {}, encoded.hidden.size(1));
  const auto got = make_driver(model, cache, encoded)
                       .feed(ids, std::vector<int64_t>(ids.size(), 0), {length, false})
                       .logits;
  expect_close(got, load(tensors, "decoder_logits"), tolerance_of(c), "decoder_logits");
}

void run_whisper_generate(const Case &c, Context &context) {
  const auto &model = context.model(model_folder(c));
  const auto tokens = SpeechTokens::read(model_folder(c));
  const Json &kwargs = c.json.at("generate_kwargs");
  const auto options = generate_options(without_speech(c));
  Prompt prompt = encoder_decoder_prompt(c);
  const int64_t rows = prompt.encoder->features.size(0);
  auto cache = context.open(model, options.cache, rows, model.info().max_positions, {},
                            model.info().max_encoder_positions);
  std::vector<int64_t> detected;
  for (int64_t r = 0; r < rows; ++r) {
    const auto row = static_cast<size_t>(r);
    SpeechRequest request{text_of_row(kwargs, "language", row), text_of_row(kwargs, "task", row),
                          kwargs.value("return_timestamps", false)};
    prompt.input_ids.push_back(speech_prompt(tokens, request, [&] {
      if (detected.empty()) detected = detect_language(model, cache, tokens, *prompt.encoder);
      return detected.at(row);
    }));
  }
  const auto length = static_cast<int64_t>(prompt.input_ids.front().size());
  const auto result = generate(model, cache, prompt, options.config);
  expect_ids(without_end(result, options.config, tokens, length),
             c.json.at("expected").at("sequences").get<Ids>());
}

}  // namespace kvern::reference
