// Kind "log_mel": features of a recording, one case per feature file.
#include "core/torch/torch.hpp"
#include "runtime/audio/log_mel.hpp"
#include "runtime/audio/read_audio.hpp"
#include "tests/reference_runner/compare.hpp"
#include "tests/reference_runner/kinds.hpp"

namespace kvern::reference {
namespace {

void compare_filters(const audio::LogMelConfig &config, const at::Tensor &want, Tolerance tolerance) {
  const auto got = at::zeros_like(want);
  const auto filters = audio::mel_filters(config.feature_size, config.n_fft, config.sampling_rate);
  for (size_t f = 0; f < filters.size(); ++f)
    for (size_t i = 0; i < filters[f].weights.size(); ++i)
      got[filters[f].begin + static_cast<int64_t>(i)][static_cast<int64_t>(f)] = filters[f].weights[i];
  expect_close(got, want, tolerance, "mel_filters");
}

}  // namespace

void run_log_mel(const Case &c, Context &) {
  const auto config = audio::LogMelConfig::read(c.file.parent_path());
  const auto samples =
      audio::read_audio(c.root / c.json.at("audio").get<std::string>(), config.sampling_rate);
  std::vector<float> features = audio::LogMel(config)(samples);
  const auto all = at::from_blob(features.data(), {1, config.feature_size, config.frames()}, at::kFloat);
  const auto shape = c.json.at("full_shape").get<std::vector<int64_t>>();
  if (all.sizes().vec() != shape) fail("the features have another shape");
  const Tolerance tolerance{c.json.value("suggested_tolerance_abs", 1e-4), 0};
  const auto tensors = sidecar(c);
  const int64_t stored = c.json.value("stored_frames", config.frames());
  expect_close(all.slice(2, 0, stored), load(tensors, "input_features"), tolerance, "input_features");
  const Json tail = c.json.value("constant_tail_value", Json());
  if (stored < config.frames() && tail.is_number())
    expect_close(all.slice(2, stored),
                 at::full({1, config.feature_size, config.frames() - stored}, tail.get<double>()), tolerance,
                 "the frames that are not stored");
  if (tensors.contains("mel_filters")) compare_filters(config, load(tensors, "mel_filters"), tolerance);
}

}  // namespace kvern::reference
