#include "runtime/audio/mel_filters.hpp"

#include <algorithm>
#include <cmath>

namespace kvern::audio {
namespace {

// Linear below 1000 Hz, which is mel 15; above it 27 mel for each factor of 6.4.
constexpr double kHzPerMel = 200.0 / 3.0, kKnee = 1000.0, kKneeMel = 15.0;
const double kLogStep = std::log(6.4) / 27.0;

double mel_of(double hz) { return hz < kKnee ? hz / kHzPerMel : kKneeMel + std::log(hz / kKnee) / kLogStep; }
double hz_of(double mel) {
  return mel < kKneeMel ? mel * kHzPerMel : kKnee * std::exp(kLogStep * (mel - kKneeMel));
}

}  // namespace

std::vector<MelFilter> mel_filters(int64_t n, int64_t n_fft, int64_t sampling_rate) {
  const int64_t bins = n_fft / 2 + 1;
  const double top = mel_of(8000.0), half = static_cast<double>(sampling_rate / 2);
  const auto edge = [&](int64_t i) {
    return hz_of(top * static_cast<double>(i) / static_cast<double>(n + 1));
  };
  std::vector<MelFilter> filters;
  for (int64_t i = 0; i < n; ++i) {
    const double low = edge(i), middle = edge(i + 1), high = edge(i + 2);
    MelFilter filter;
    for (int64_t bin = 0; bin < bins; ++bin) {
      const double hz = half * static_cast<double>(bin) / static_cast<double>(bins - 1);
      const double weight = std::min((hz - low) / (middle - low), (high - hz) / (high - middle));
      if (weight <= 0) continue;
      if (filter.weights.empty()) filter.begin = bin;
      filter.weights.push_back(weight * 2.0 / (high - low));
    }
    filters.push_back(std::move(filter));
  }
  return filters;
}

}  // namespace kvern::audio
