#include "runtime/audio/log_mel.hpp"

#include <cmath>
#include <fstream>
#include <numbers>

#include "tests/support/error_text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/test.hpp"

using namespace kvern;
using namespace kvern::audio;

namespace {

/// The definition: frames centred at multiples of the hop, the sum over each frame by plain loops.
std::vector<float> reference(const LogMelConfig &c, const std::vector<float> &samples) {
  const int64_t n = c.samples(), half = c.n_fft / 2;
  const auto sample = [&](int64_t i) -> double {
    if (i < 0) i = -i;
    if (i >= n) i = 2 * n - 2 - i;
    return i < static_cast<int64_t>(samples.size()) ? samples[static_cast<size_t>(i)] : 0.0;
  };
  const auto filters = mel_filters(c.feature_size, c.n_fft, c.sampling_rate);
  std::vector<float> out(static_cast<size_t>(c.feature_size * c.frames()));
  for (int64_t t = 0; t < c.frames(); ++t) {
    std::vector<double> power;
    for (int64_t k = 0; k <= half; ++k) {
      double re = 0, im = 0;
      for (int64_t i = 0; i < c.n_fft; ++i) {
        const double turn = 2 * std::numbers::pi / static_cast<double>(c.n_fft);
        const double x =
            sample(t * c.hop_length - half + i) * (0.5 - 0.5 * std::cos(turn * static_cast<double>(i)));
        re += x * std::cos(turn * static_cast<double>(i * k));
        im -= x * std::sin(turn * static_cast<double>(i * k));
      }
      power.push_back(re * re + im * im);
    }
    for (size_t f = 0; f < filters.size(); ++f) {
      double sum = 0;
      for (size_t i = 0; i < filters[f].weights.size(); ++i)
        sum += filters[f].weights[i] * power[static_cast<size_t>(filters[f].begin) + i];
      out[f * static_cast<size_t>(c.frames()) + static_cast<size_t>(t)] =
          static_cast<float>(std::log10(std::max(sum, 1e-10)));
    }
  }
  const float floor = *std::max_element(out.begin(), out.end()) - 8.0f;
  for (float &x : out) x = (std::max(x, floor) + 4.0f) / 4.0f;
  return out;
}

LogMelConfig small() { return {8, 4000, 50, 20, 1}; }

std::vector<float> tone(int64_t n) {
  std::vector<float> samples;
  for (int64_t i = 0; i < n; ++i) samples.push_back(0.3f * std::sin(0.4f * static_cast<float>(i)) + 0.01f);
  return samples;
}

}  // namespace

TEST_CASE("Features are what their definition says, for odd and even numbers of frames") {
  for (const int64_t hop : {20, 21}) {
    LogMelConfig config = small();
    config.hop_length = hop;
    const auto got = LogMel(config)(tone(3000)), want = reference(config, tone(3000));
    REQUIRE(got.size() == want.size());
    float most = 0;
    for (size_t i = 0; i < got.size(); ++i) most = std::max(most, std::abs(got[i] - want[i]));
    CHECK(most < 1e-5f);
  }
}

TEST_CASE("A recording longer than the chunk is cut, a shorter one filled up with silence") {
  const LogMel features(small());
  auto longer = tone(5000), chunk = tone(4000);
  CHECK(features(longer) == features(chunk));
  auto shorter = tone(100), filled = tone(100);
  filled.resize(4000, 0.0f);
  CHECK(features(shorter) == features(filled));
}

TEST_CASE("Silence has the lowest feature everywhere") {
  for (const float x : LogMel(small())(std::vector<float>(10, 0.0f))) CHECK(x == Approx(-1.5f));
}

TEST_CASE(
    "preprocessor_config.json says how features are made, and a value that cannot be is named by its key") {
  const test::TemporaryFolder folder;
  CHECK(LogMelConfig::read(folder.path()).feature_size == 80);
  std::ofstream(folder.path() / "preprocessor_config.json") << R"({"feature_size": 128, "chunk_length": 4})";
  const auto config = LogMelConfig::read(folder.path());
  CHECK(config.feature_size == 128);
  CHECK(config.frames() == 400);
  std::ofstream(folder.path() / "preprocessor_config.json") << R"({"hop_length": 500})";
  const std::string text = test::error_text(ErrorKind::model, [&] { LogMelConfig::read(folder.path()); });
  CHECK(text.find("hop_length: 500 should be from 1 to 400") != std::string::npos);
}
