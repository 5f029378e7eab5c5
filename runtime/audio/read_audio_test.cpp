#include "runtime/audio/read_audio.hpp"

#include <sndfile.h>

#include <cmath>
#include <fstream>
#include <numbers>
#include <random>

#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::audio;

namespace {

constexpr double kHz = 440.0;

/// A tone; each further channel is silent.
void write(const std::filesystem::path &file, int format, int rate, int channels, int64_t frames) {
  SF_INFO info{};
  info.samplerate = rate;
  info.channels = channels;
  info.format = format;
  SNDFILE *sound = sf_open(file.c_str(), SFM_WRITE, &info);
  REQUIRE(sound);
  for (int64_t i = 0; i < frames; ++i) {
    std::vector<float> frame(static_cast<size_t>(channels), 0.0f);
    frame[0] =
        0.5f * static_cast<float>(std::sin(2 * std::numbers::pi * kHz * static_cast<double>(i) / rate));
    sf_writef_float(sound, frame.data(), 1);
  }
  sf_close(sound);
}

/// Largest difference from the tone of this amplitude at 16 kHz, the ends left out.
double off(const std::vector<float> &samples, double amplitude) {
  double most = 0;
  for (size_t i = 400; i + 400 < samples.size(); ++i) {
    const double want = amplitude * std::sin(2 * std::numbers::pi * kHz * static_cast<double>(i) / 16000);
    most = std::max(most, std::abs(samples[i] - want));
  }
  return most;
}

std::string bytes_of(const std::filesystem::path &file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string problem(const std::filesystem::path &file) {
  return test::error_text(ErrorKind::input, [&] { read_audio(file, 16000); });
}

}  // namespace

TEST_CASE("WAV and FLAC give their samples, whatever their rate and channels") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "sound";
  for (const int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_WAV | SF_FORMAT_FLOAT,
                           SF_FORMAT_FLAC | SF_FORMAT_PCM_16}) {
    for (const int rate : {8000, 16000, 22050, 44100, 48000}) {
      for (const int channels : {1, 2}) {
        INFO(format << " " << rate << " " << channels);
        write(file, format, rate, channels, rate);
        const auto samples = read_audio(file, 16000);
        CHECK(std::abs(static_cast<int64_t>(samples.size()) - 16000) < 20);
        CHECK(off(samples, 0.5 / channels) < 1e-3);
      }
    }
  }
}

TEST_CASE("Samples of the rate that is asked for are left as they are") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "sound.wav";
  write(file, SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 1, 100);
  const auto samples = read_audio(file, 16000);
  REQUIRE(samples.size() == 100);
  CHECK(samples[7] ==
        static_cast<float>(0.5f * static_cast<float>(std::sin(2 * std::numbers::pi * kHz * 7.0 / 16000))));
}

TEST_CASE("What is no recording is said to be none") {
  const test::TemporaryFolder folder;
  CHECK(problem(folder.path() / "absent.wav").find("there is no such file") != std::string::npos);
  CHECK(problem(folder.path()).find("is a folder") != std::string::npos);
  std::ofstream(folder.path() / "text.wav") << "no sound at all";
  CHECK(problem(folder.path() / "text.wav").find("is no recording that can be read (WAV, FLAC)") !=
        std::string::npos);
  write(folder.path() / "empty.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 0);
  CHECK(problem(folder.path() / "empty.wav").find("the recording is empty") != std::string::npos);
}

TEST_CASE("A hostile file is an error or a recording, never a crash or a large allocation") {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "sound";
  std::mt19937 random(5);
  for (const int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16}) {
    write(file, format, 16000, 2, 2000);
    const std::string good = bytes_of(file);
    for (int i = 0; i < 300; ++i) {
      std::string bad = good;
      const size_t reach = i % 2 ? 64 : bad.size();  // every other one in the header
      for (int change = 0; change < 1 + i % 5; ++change) bad[random() % reach] = static_cast<char>(random());
      if (i % 3 == 0) bad.resize(random() % bad.size());
      std::ofstream(file, std::ios::binary | std::ios::trunc) << bad;
      try {
        const size_t read = read_audio(file, 16000).size();
        CHECK(read < 10'000'000);
      } catch (const Error &e) {
        CHECK(e.kind() == ErrorKind::input);
      }
    }
  }
}
