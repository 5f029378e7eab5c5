// Log-mel features of a recording, as WhisperFeatureExtractor of transformers computes them.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "runtime/audio/fft.hpp"
#include "runtime/audio/mel_filters.hpp"

namespace kvern::audio {

struct LogMelConfig {
  int64_t feature_size = 80;  ///< mel bins
  int64_t sampling_rate = 16000, n_fft = 400, hop_length = 160, chunk_length = 30;

  /// preprocessor_config.json of a model folder; what it does not say has transformers' default. Throws Error(model).
  static LogMelConfig read(const std::filesystem::path &folder);

  int64_t samples() const { return chunk_length * sampling_rate; }
  int64_t frames() const { return samples() / hop_length; }
};

class LogMel {
 public:
  explicit LogMel(const LogMelConfig &config);

  const LogMelConfig &config() const { return config_; }
  /// float32 [feature_size, frames()] of a chunk: what is shorter is filled up with silence, what is beyond it is cut off.
  std::vector<float> operator()(std::span<const float> samples) const;

 private:
  void add_frames(const std::vector<double> &padded, int64_t frame, std::vector<float> &out) const;

  LogMelConfig config_;
  Fft fft_;
  std::vector<double> window_;
  std::vector<MelFilter> filters_;
};

}  // namespace kvern::audio
