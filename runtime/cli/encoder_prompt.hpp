// The encoder's input of `kvern generate`: a text or a recording.
#pragma once
#include "runtime/cli/run_options.hpp"
#include "runtime/run/session.hpp"

namespace kvern::cli {

/// --encoder-prompt, --audio, --language, --task.
po::options_description encoder_options();

/// Throws Error(usage) for options that do not go together.
void check_encoder_options(const po::variables_map &map, const std::string &output);

/// Throws Error(input) where the model's encoder needs another input than was given, or has none.
void check_encoder_input(const po::variables_map &map, const Model &model);

/// The ids of --encoder-prompt with the tokenizer's special tokens, one row.
EncoderInput encoder_text(const po::variables_map &map, const Session &run);

/// `ids` behind decoder_start_token_id (bos_token_id where there is none), unless they begin with it.
std::vector<int64_t> behind_decoder_start(std::vector<int64_t> ids, const GenerationConfig &config);

/// Transcribes --audio and prints it as `output` says. The exit code.
int transcribe_and_print(const Session &run, const po::variables_map &map, const std::string &output);

}  // namespace kvern::cli
