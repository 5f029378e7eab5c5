// Recordings from files: WAV, FLAC and whatever else libsndfile reads, mixed to one channel, at the rate that is asked for.
#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

namespace kvern::audio {

/// Mono samples from -1 to 1 at `sampling_rate`; channels are averaged, another rate is converted (libsamplerate). Throws
/// Error(input): the file is absent or no recording, it is empty, its rate is out of the converter's range, or it ends early.
std::vector<float> read_audio(const std::filesystem::path &file, int64_t sampling_rate);

/// The same samples at another rate.
std::vector<float> resample(const std::vector<float> &samples, int64_t from_rate, int64_t to_rate);

}  // namespace kvern::audio
