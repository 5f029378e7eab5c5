#include "runtime/audio/read_audio.hpp"

#include <algorithm>
#include <cmath>
#include <kvern/error.hpp>
#include <memory>

#include "runtime/audio/sound_libraries.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::audio {
namespace {

constexpr sf_count_t kBlock = 16384;               // frames read at a time: a header's length is not trusted
constexpr int64_t kMaxSamples = int64_t{1} << 31;  // of one channel; 37 hours at 16 kHz

struct Close {
  void operator()(SNDFILE *file) const { sound_files().close(file); }
};

[[noreturn]] void fail(const std::filesystem::path &file, const std::string &why) {
  throw Error(ErrorKind::input, printable(file.string(), 4096) + ": " + why);
}

/// Averages the channels of each frame.
void add_mixed(const std::vector<float> &block, sf_count_t frames, int channels, std::vector<float> &to) {
  for (sf_count_t i = 0; i < frames; ++i) {
    float sum = 0.0f;
    for (int c = 0; c < channels; ++c) sum += block[static_cast<size_t>(i * channels + c)];
    const float mean = sum / static_cast<float>(channels);
    to.push_back(std::isfinite(mean) ? mean : 0.0f);
  }
}

std::vector<float> read_mixed(SNDFILE *sound, const SF_INFO &info, const std::filesystem::path &file) {
  std::vector<float> samples, block(static_cast<size_t>(kBlock) * static_cast<size_t>(info.channels));
  for (;;) {
    const sf_count_t frames = sound_files().readf_float(sound, block.data(), kBlock);
    if (frames <= 0) break;
    add_mixed(block, frames, info.channels, samples);
    if (static_cast<int64_t>(samples.size()) > kMaxSamples) fail(file, "the recording is too long");
  }
  if (sound_files().error(sound) != SF_ERR_NO_ERROR)
    fail(file, std::string("cannot be read to its end: ") + sound_files().strerror(sound));
  return samples;
}

}  // namespace

std::vector<float> resample(const std::vector<float> &samples, int64_t from_rate, int64_t to_rate) {
  if (from_rate == to_rate) return samples;
  const double ratio = static_cast<double>(to_rate) / static_cast<double>(from_rate);
  std::vector<float> out(static_cast<size_t>(std::ceil(static_cast<double>(samples.size()) * ratio)) + 1);
  SRC_DATA data{};
  data.data_in = samples.data();
  data.input_frames = static_cast<long>(samples.size());
  data.data_out = out.data();
  data.output_frames = static_cast<long>(out.size());
  data.src_ratio = ratio;
  if (const int error = sample_rates().simple(&data, SRC_SINC_MEDIUM_QUALITY, 1))
    throw Error(ErrorKind::input,
                std::string("the sampling rate cannot be converted: ") + sample_rates().strerror(error));
  out.resize(static_cast<size_t>(data.output_frames_gen));
  return out;
}

std::vector<float> read_audio(const std::filesystem::path &file, int64_t sampling_rate) {
  if (std::filesystem::is_directory(file)) fail(file, "is a folder; a WAV or FLAC file is required");
  if (!std::filesystem::exists(file)) fail(file, "there is no such file");
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, Close> sound(sound_files().open(file.c_str(), SFM_READ, &info));
  if (!sound)
    fail(file,
         std::string("is no recording that can be read (WAV, FLAC): ") + sound_files().strerror(nullptr));
  if (info.channels < 1 || info.channels > 64)
    fail(file, "has " + std::to_string(info.channels) + " channels; 1 to 64 can be mixed");
  if (!sample_rates().is_valid_ratio(static_cast<double>(sampling_rate) / std::max(1, info.samplerate)))
    fail(file, "has " + std::to_string(info.samplerate) + " samples a second, which cannot be converted to " +
                   std::to_string(sampling_rate));
  const std::vector<float> samples = read_mixed(sound.get(), info, file);
  if (samples.empty()) fail(file, "the recording is empty");
  return resample(samples, info.samplerate, sampling_rate);
}

}  // namespace kvern::audio
