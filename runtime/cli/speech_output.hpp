// What `kvern generate --audio` prints.
#pragma once
#include <string>

#include "runtime/run/transcribe.hpp"

namespace kvern::cli {

struct SpeechReport {
  const Session &run;
  const Transcription &result;
  const Cache &cache;
  double seconds = 0;  ///< of the recording
};

/// What was said, a segment after the other; ids, separated by commas, where there is no tokenizer.
std::string speech_text(const SpeechReport &f);
/// Segments and windows, their times and ids; docs/cli.md.
std::string speech_json(const SpeechReport &f);
/// Subtitles: SubRip, WebVTT.
std::string speech_srt(const SpeechReport &f);
std::string speech_vtt(const SpeechReport &f);

/// "00:01:02,500" with `point` before the milliseconds.
std::string time_text(double seconds, char point);

}  // namespace kvern::cli
