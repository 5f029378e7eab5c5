// Triangular filters on the mel scale of Slaney's Auditory Toolbox, each of unit area (librosa, transformers).
#pragma once
#include <cstdint>
#include <vector>

namespace kvern::audio {

/// One filter: weights of frequency bins begin, begin + 1 ...
struct MelFilter {
  int64_t begin = 0;
  std::vector<double> weights;
};

/// n filters between 0 and 8000 Hz over the n_fft / 2 + 1 bins of a transform.
std::vector<MelFilter> mel_filters(int64_t n, int64_t n_fft, int64_t sampling_rate);

}  // namespace kvern::audio
