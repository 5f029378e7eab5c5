// Recordings longer than a window: what each window says is what a run on that slice alone says.
#include "runtime/run/transcribe.hpp"

#include <cmath>

#include "runtime/audio/read_audio.hpp"
#include "tests/support/error_text.hpp"
#include "tests/support/process.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

constexpr int64_t kRate = 16000, kChunk = 4 * kRate;

/// A small random model that reads four seconds at a time.
class Speech {
 public:
  Speech()
      : run_(configuration()),
        features_(audio::LogMelConfig::read(run_.model_folder())),
        tokens_(SpeechTokens::read(run_.model_folder())) {}

  Transcription operator()(const std::vector<float> &samples, const SpeechRequest &request) const {
    const ModelInfo &info = run_.model().info();
    Cache cache = run_.open_cache(1, info.max_positions, info.max_encoder_positions);
    GenerationConfig config = run_.generation();
    config.set(option::max_new_tokens, {14});
    return transcribe(run_.model(), cache, features_, tokens_, samples, request, config);
  }
  const SpeechTokens &tokens() const { return tokens_; }

 private:
  static config::RunConfig configuration() {
    config::RunConfig config;
    config.model = test::source_path("tests/reference/encoders/models/whisper");
    config.cache_implementation = "encoder_decoder";
    config.threads = 1;
    config.plugin_path = {test::program("../lib/kvern/plugins")};
    return config;
  }

  Session run_;
  audio::LogMel features_;
  SpeechTokens tokens_;
};

const Speech &speech() {
  static const Speech speech;
  return speech;
}

/// A recording of eleven seconds and a bit, different everywhere.
std::vector<float> long_recording() {
  const auto sound =
      audio::read_audio(test::source_path("tests/reference/encoders/audio/longer_than_chunk.wav"), kRate);
  std::vector<float> samples;
  for (size_t i = 0; i < 11 * kRate + 77; ++i) {
    const auto t = static_cast<float>(i);
    samples.push_back(0.5f * sound[i % sound.size()] + 0.3f * std::sin(t * (0.02f + t * 1e-6f)));
  }
  return samples;
}

std::vector<float> slice(const std::vector<float> &samples, const SpeechWindow &window) {
  const auto begin = samples.begin() + window.begin;
  return {begin, begin + window.length};
}

}  // namespace

TEST_CASE("Each window of a long recording has the ids of a run on that slice alone") {
  const auto samples = long_recording();
  for (const SpeechRequest &request :
       {SpeechRequest{"en", {}, true}, SpeechRequest{"de", "translate", true}, SpeechRequest{{}, {}, true}}) {
    const Transcription whole = speech()(samples, request);
    REQUIRE(whole.windows.size() >= 3);
    int64_t begin = 0;
    for (const SpeechWindow &window : whole.windows) {
      INFO("from sample " << window.begin);
      CHECK(window.begin == begin);
      CHECK(window.length == std::min(kChunk, static_cast<int64_t>(samples.size()) - begin));
      CHECK_FALSE(window.ids.empty());
      const Transcription alone = speech()(slice(samples, window), request);
      CHECK(alone.windows.front().ids == window.ids);
      CHECK(alone.windows.front().prompt == window.prompt);
      const double seconds = static_cast<double>(window.length) / kRate;
      begin += std::llround(segments_of(window.ids, speech().tokens(), seconds).advance * kRate);
    }
    CHECK(begin >= static_cast<int64_t>(samples.size()));
  }
}

TEST_CASE("A recording of one window has timestamps only where they are asked for, a longer one always") {
  auto samples = long_recording();
  const auto has_timestamps = [](const Transcription &result) {
    const auto &prompt = result.windows.front().prompt;
    return std::find(prompt.begin(), prompt.end(), *speech().tokens().no_timestamps) == prompt.end();
  };
  CHECK(has_timestamps(speech()(samples, {"en", {}, false})));
  samples.resize(kChunk);
  CHECK_FALSE(has_timestamps(speech()(samples, {"en", {}, false})));
  CHECK(has_timestamps(speech()(samples, {"en", {}, true})));
}
