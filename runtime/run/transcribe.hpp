// Transcription of a recording of any length: windows of the length that the model reads, one after the other.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "runtime/audio/log_mel.hpp"
#include "runtime/run/session.hpp"
#include "runtime/run/speech.hpp"

namespace kvern {

/// What is said between two times, in seconds from the beginning of the recording.
struct SpeechSegment {
  double begin = 0, end = 0;
  std::vector<int64_t> ids;  ///< without timestamps
};

/// One window: the ids are those of a run on this slice alone.
struct SpeechWindow {
  int64_t begin = 0, length = 0;  ///< samples
  std::vector<int64_t> prompt, ids;
  FinishReason finish_reason = FinishReason::stop;
};

struct Transcription {
  std::vector<SpeechWindow> windows;
  std::vector<SpeechSegment> segments;
  GenerationTimings timings;
  double total_seconds = 0;  ///< features, encoder and language detection included
};

struct TranscriptionEvents {
  std::function<void(double done, double total)> on_window;         ///< seconds of the recording
  std::function<void(const std::vector<int64_t> &next)> on_tokens;  ///< as GenerationEvents
  std::function<bool()> stop_requested;
  FallBack fall_back;  ///< as GenerationResources
};

/// What a window of `seconds` says: its segments with times counted from its beginning, and how far the next window is from it.
/// Windows without a pair of timestamps, or with one at the end, are followed by the next as a whole.
struct WindowSegments {
  std::vector<SpeechSegment> segments;
  double advance = 0;
};
WindowSegments segments_of(const std::vector<int64_t> &ids, const SpeechTokens &tokens, double seconds);

/// A recording longer than a window is transcribed with timestamps. The cache is empty before and after.
Transcription transcribe(const Model &model, Cache &cache, const audio::LogMel &features,
                         const SpeechTokens &tokens, const std::vector<float> &samples, SpeechRequest request,
                         const GenerationConfig &config, const TranscriptionEvents &events = {});

/// Of one row, [1, bins, frames].
EncoderInput encoder_input(const audio::LogMel &features, std::span<const float> samples);

}  // namespace kvern
