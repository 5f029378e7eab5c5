#include "runtime/audio/log_mel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/files/json.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::audio {

LogMelConfig LogMelConfig::read(const std::filesystem::path &folder) {
  const auto path = folder / "preprocessor_config.json";
  LogMelConfig c;
  if (!is_present(path)) return c;
  const auto file = files::JsonObject::read(path);
  c.feature_size = file.size("feature_size", c.feature_size);
  c.sampling_rate = file.size("sampling_rate", c.sampling_rate);
  c.n_fft = file.size("n_fft", c.n_fft);
  c.hop_length = file.size("hop_length", c.hop_length);
  c.chunk_length = file.size("chunk_length", c.chunk_length);
  const auto limit = [&](const char *key, int64_t value, int64_t min, int64_t max) {
    if (value < min || value > max)
      file.fail(key, std::to_string(value) + " should be from " + std::to_string(min) + " to " +
                         std::to_string(max));
  };
  limit("feature_size", c.feature_size, 1, 1024);
  limit("sampling_rate", c.sampling_rate, 1000, 400000);
  limit("n_fft", c.n_fft, 4, 65536);
  limit("hop_length", c.hop_length, 1, c.n_fft);
  limit("chunk_length", c.chunk_length, 1, 600);
  return c;
}

LogMel::LogMel(const LogMelConfig &config)
    : config_(config),
      fft_(config.n_fft),
      filters_(mel_filters(config.feature_size, config.n_fft, config.sampling_rate)) {
  for (int64_t i = 0; i < config.n_fft; ++i)  // Hann, periodic
    window_.push_back(0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) /
                                           static_cast<double>(config.n_fft)));
}

/// Two frames by one transform: one is its real part, the other its imaginary part.
void LogMel::add_frames(const std::vector<double> &padded, int64_t frame, std::vector<float> &out) const {
  const int64_t n = config_.n_fft, frames = config_.frames();
  const bool both = frame + 1 < frames;
  std::vector<Complex> x(static_cast<size_t>(n)), y(static_cast<size_t>(n));
  const double *first = padded.data() + frame * config_.hop_length,
               *second = first + (both ? config_.hop_length : 0);
  for (int64_t i = 0; i < n; ++i)
    x[static_cast<size_t>(i)] = {first[i] * window_[static_cast<size_t>(i)],
                                 second[i] * window_[static_cast<size_t>(i)]};
  fft_(x.data(), y.data());
  std::vector<double> power(static_cast<size_t>(n / 2 + 1)), power2(power.size());
  for (int64_t k = 0; k <= n / 2; ++k) {
    const Complex &a = y[static_cast<size_t>(k)], &b = y[static_cast<size_t>((n - k) % n)];
    const double re = a.re + b.re, im = a.im - b.im, re2 = a.im + b.im, im2 = b.re - a.re;
    power[static_cast<size_t>(k)] = (re * re + im * im) / 4;
    power2[static_cast<size_t>(k)] = (re2 * re2 + im2 * im2) / 4;
  }
  for (size_t f = 0; f < filters_.size(); ++f) {
    double sum = 0, sum2 = 0;
    for (size_t i = 0; i < filters_[f].weights.size(); ++i) {
      const size_t bin = static_cast<size_t>(filters_[f].begin) + i;
      sum += filters_[f].weights[i] * power[bin];
      sum2 += filters_[f].weights[i] * power2[bin];
    }
    const size_t at = f * static_cast<size_t>(frames) + static_cast<size_t>(frame);
    out[at] = static_cast<float>(std::log10(std::max(sum, 1e-10)));
    if (both) out[at + 1] = static_cast<float>(std::log10(std::max(sum2, 1e-10)));
  }
}

std::vector<float> LogMel::operator()(std::span<const float> samples) const {
  // The chunk between mirror images of its ends (centred frames).
  const int64_t n = config_.samples(), half = config_.n_fft / 2;
  std::vector<double> padded(static_cast<size_t>(n + 2 * half), 0.0);
  const int64_t given = std::min(n, static_cast<int64_t>(samples.size()));
  std::copy_n(samples.begin(), given, padded.begin() + half);
  for (int64_t i = 1; i <= half; ++i) {
    padded[static_cast<size_t>(half - i)] = padded[static_cast<size_t>(half + i)];
    padded[static_cast<size_t>(half + n - 1 + i)] = padded[static_cast<size_t>(half + n - 1 - i)];
  }
  std::vector<float> out(static_cast<size_t>(config_.feature_size * config_.frames()));
  for (int64_t frame = 0; frame < config_.frames(); frame += 2) add_frames(padded, frame, out);
  const float floor = *std::max_element(out.begin(), out.end()) - 8.0f;
  for (float &x : out) x = (std::max(x, floor) + 4.0f) / 4.0f;
  return out;
}

}  // namespace kvern::audio
