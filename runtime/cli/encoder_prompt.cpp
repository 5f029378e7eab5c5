#include "runtime/cli/encoder_prompt.hpp"

#include <iostream>
#include <kvern/error.hpp>

#include "core/torch/torch.hpp"
#include "runtime/audio/read_audio.hpp"
#include "runtime/cli/errors.hpp"
#include "runtime/cli/interrupt.hpp"
#include "runtime/cli/output.hpp"
#include "runtime/cli/progress.hpp"
#include "runtime/cli/speech_output.hpp"
#include "runtime/cli/text_file.hpp"

namespace kvern::cli {
namespace {

std::optional<std::string> text_option(const po::variables_map &map, const char *name) {
  return map.count(name) ? std::optional(map[name].as<std::string>()) : std::nullopt;
}

void print(const SpeechReport &report, const std::string &output) {
  if (output == "json") return write_json(speech_json(report));
  write_generated(output == "srt"   ? speech_srt(report)
                  : output == "vtt" ? speech_vtt(report)
                                    : speech_text(report));
}

}  // namespace

po::options_description encoder_options() {
  po::options_description o("encoder (models of text to text, and of speech)", 110);
  o.add_options()("encoder-prompt", po::value<std::string>()->value_name("TEXT"),
                  "the text that the encoder reads")("audio", po::value<std::string>()->value_name("FILE"),
                                                     "the recording to transcribe (WAV, FLAC)")(
      "language", po::value<std::string>()->value_name("CODE"), "what is spoken, such as en; else detected")(
      "task", po::value<std::string>()->value_name("NAME"), "transcribe or translate (into English)");
  return o;
}

void check_encoder_options(const po::variables_map &map, const std::string &output) {
  if (map.count("audio") && (map.count("encoder-prompt") || map.count("prompt") || map.count("prompt-file") ||
                             map.count("input-ids")))
    throw Error(ErrorKind::usage,
                "--audio takes no prompt beside it: --language and --task say what is to be done");
  if (map.count("audio")) return;
  for (const char *option : {"language", "task"})
    if (map.count(option))
      throw Error(ErrorKind::usage, std::string("--") + option + " goes with --audio FILE");
  if (output == "srt" || output == "vtt")
    throw Error(ErrorKind::usage, "--output " + output + " goes with --audio FILE");
}

void check_encoder_input(const po::variables_map &map, const Model &model) {
  const EncoderKind kind = model.info().encoder;
  const std::string name = "the model '" + model.info().model_type + "' ";
  const bool audio = map.count("audio") > 0, text = map.count("encoder-prompt") > 0;
  if (kind == EncoderKind::none && (audio || text))
    throw Error(ErrorKind::input, name + "has no encoder: it cannot take --" +
                                      (audio ? "audio" : "encoder-prompt") + "; give --prompt");
  if (kind == EncoderKind::audio && !audio)
    throw Error(ErrorKind::input, name + "transcribes recordings: give --audio FILE");
  if (kind == EncoderKind::text && !text)
    throw Error(ErrorKind::input, name + "has an encoder that reads a text: give --encoder-prompt TEXT");
}

EncoderInput encoder_text(const po::variables_map &map, const Session &run) {
  const auto text = map["encoder-prompt"].as<std::string>();
  check_utf8(text, "--encoder-prompt");
  if (!run.tokenizer())
    throw Error(ErrorKind::input,
                run.model_folder().string() + " has no tokenizer.json, which --encoder-prompt needs");
  const auto ids = run.tokenizer()->encode_hf(text, /*add_special_tokens=*/true);
  if (ids.empty()) throw Error(ErrorKind::input, "--encoder-prompt: the text is empty");
  EncoderInput input;
  input.ids = at::empty({1, static_cast<int64_t>(ids.size())}, at::kLong);
  std::copy(ids.begin(), ids.end(), input.ids.mutable_data_ptr<int64_t>());
  return input;
}

std::vector<int64_t> behind_decoder_start(std::vector<int64_t> ids, const GenerationConfig &config) {
  auto start = config.get(option::decoder_start_token_id);
  if (!start) start = config.get(option::bos_token_id);
  if (start && (ids.empty() || ids.front() != *start)) ids.insert(ids.begin(), *start);
  return ids;
}

int transcribe_and_print(const Session &run, const po::variables_map &map, const std::string &output) {
  if (asks_for_format(run.generation()))
    throw Error(ErrorKind::config, "response_format is for prompts, a transcript has no form");
  const audio::LogMel features(audio::LogMelConfig::read(run.model_folder()));
  const auto samples = audio::read_audio(map["audio"].as<std::string>(), features.config().sampling_rate);
  const auto tokens = SpeechTokens::read(run.model_folder());
  const auto config = run.generation();
  for (const auto &note : generation_notes(run, config)) std::cerr << "kvern: warning: " << note << '\n';
  if (config.get(option::num_return_sequences) != 1)
    throw Error(ErrorKind::config, "num_return_sequences: must be 1 where a recording is transcribed");
  const ModelInfo &info = run.model().info();
  auto cache = run.open_cache(cache_rows_per_prompt(config), info.max_positions, info.max_encoder_positions);
  SpeechRequest request{text_option(map, "language"), text_option(map, "task"),
                        config.get(option::return_timestamps) || output == "srt" || output == "vtt"};
  std::optional<Progress> progress(std::in_place, "transcribed:");
  TranscriptionEvents events;
  events.on_window = [&](double done, double total) {
    progress->show(static_cast<int64_t>(done), static_cast<int64_t>(total));
  };
  const Interrupt interrupt;
  events.stop_requested = Interrupt::requested;
  events.fall_back =
      run.fall_back(cache_rows_per_prompt(config), info.max_positions, info.max_encoder_positions);
  const auto result = transcribe(run.model(), cache, features, tokens, samples, request, config, events);
  progress.reset();
  print({run, result, cache,
         static_cast<double>(samples.size()) / static_cast<double>(features.config().sampling_rate)},
        output);
  return Interrupt::requested() ? kInterrupted : 0;
}

}  // namespace kvern::cli
