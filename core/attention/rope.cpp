// Angles in float32 with the operations in transformers' order, so that logits agree to the last digits.
#include <algorithm>
#include <cmath>
#include <kvern/error.hpp>
#include <kvern/rope.hpp>
#include <utility>

namespace kvern {
namespace {

std::vector<float> plain_frequencies(const RopeConfig &c, double theta) {
  std::vector<float> f(static_cast<size_t>(c.rotary_dim / 2));
  for (size_t i = 0; i < f.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(c.rotary_dim);
    f[i] = 1.0f / std::pow(static_cast<float>(theta), exponent);
  }
  return f;
}

/// NTK by length (transformers' "dynamic"): the base grows once the sequence is longer than the model was
/// trained for.
double dynamic_theta(const RopeConfig &c, int64_t total_length) {
  const double length = static_cast<double>(std::max(total_length, c.max_positions));
  const double dim = static_cast<double>(c.rotary_dim);
  const double stretch = c.factor * length / static_cast<double>(c.max_positions) - (c.factor - 1.0);
  return c.theta * std::pow(stretch, dim / (dim - 2.0));
}

/// Llama 3: long waves are slowed by `factor`, short ones kept, those between blended.
void scale_llama3(const RopeConfig &c, std::vector<float> &frequencies) {
  const double original = static_cast<double>(c.original_max_positions);
  const float low_wave = static_cast<float>(original / c.low_freq_factor);
  const float high_wave = static_cast<float>(original / c.high_freq_factor);
  const float factor = static_cast<float>(c.factor);
  for (float &f : frequencies) {
    const float wave = static_cast<float>(2.0 * M_PI) / f;
    if (wave < high_wave) continue;
    if (wave > low_wave) {
      f /= factor;
      continue;
    }
    const float smooth = (static_cast<float>(original) / wave - static_cast<float>(c.low_freq_factor)) /
                         static_cast<float>(c.high_freq_factor - c.low_freq_factor);
    f = (1.0f - smooth) * f / factor + smooth * f;
  }
}

/// The pair, counted with a fraction, that rotates `rotations` times over the original length.
double yarn_pair(const RopeConfig &c, double rotations) {
  const double length = static_cast<double>(c.original_max_positions);
  return static_cast<double>(c.rotary_dim) * std::log(length / (rotations * 2.0 * M_PI)) /
         (2.0 * std::log(c.theta));
}

/// YaRN: fast pairs are kept, slow ones slowed by `factor`, those between blended.
std::vector<float> yarn_frequencies(const RopeConfig &c) {
  double low = yarn_pair(c, c.beta_fast), high = yarn_pair(c, c.beta_slow);
  if (c.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(c.rotary_dim - 1));
  if (low == high) high += 0.001;
  std::vector<float> f(static_cast<size_t>(c.rotary_dim / 2));
  for (size_t i = 0; i < f.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(c.rotary_dim);
    const float wave = std::pow(static_cast<float>(c.theta), exponent);
    const float ramp = (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
    const float keep = 1.0f - std::clamp(ramp, 0.0f, 1.0f);
    f[i] = 1.0f / (static_cast<float>(c.factor) * wave) * (1.0f - keep) + 1.0f / wave * keep;
  }
  return f;
}

std::vector<float> longrope_frequencies(const RopeConfig &c, bool is_long) {
  const auto &factors = is_long ? c.long_factor : c.short_factor;
  std::vector<float> f(static_cast<size_t>(c.rotary_dim / 2));
  for (size_t i = 0; i < f.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(c.rotary_dim);
    f[i] = 1.0f / (static_cast<float>(factors[i]) * std::pow(static_cast<float>(c.theta), exponent));
  }
  return f;
}

}  // namespace

Rope::Rope(RopeConfig config) : config_(std::move(config)) {
  const auto pairs = static_cast<size_t>(config_.rotary_dim / 2);
  const bool is_long = config_.type == RopeConfig::Type::longrope;
  if (config_.rotary_dim < 0 || config_.rotary_dim % 2 != 0)
    throw Error(ErrorKind::model,
                "a rotary dimension of " + std::to_string(config_.rotary_dim) + ": it must be even");
  if (is_long && (config_.short_factor.size() != pairs || config_.long_factor.size() != pairs))
    throw Error(ErrorKind::model, "longrope wants " + std::to_string(pairs) +
                                      " short and as many long factors, found " +
                                      std::to_string(config_.short_factor.size()) + " and " +
                                      std::to_string(config_.long_factor.size()));
}

bool Rope::depends_on_length() const {
  return config_.type == RopeConfig::Type::dynamic || config_.type == RopeConfig::Type::longrope;
}

int64_t Rope::rope_version(int64_t total_length) const {
  return config_.type == RopeConfig::Type::longrope && total_length > config_.original_max_positions;
}

std::vector<float> Rope::frequencies(int64_t total_length) const {
  using Type = RopeConfig::Type;
  if (config_.type == Type::longrope) return longrope_frequencies(config_, rope_version(total_length) != 0);
  if (config_.type == Type::yarn) return yarn_frequencies(config_);
  const bool dynamic = config_.type == Type::dynamic;
  auto f = plain_frequencies(config_, dynamic ? dynamic_theta(config_, total_length) : config_.theta);
  if (config_.type == Type::linear)
    for (float &x : f) x /= static_cast<float>(config_.factor);
  if (config_.type == Type::llama3) scale_llama3(config_, f);
  return f;
}

void Rope::tables(const int64_t *pos, int64_t n, int64_t total_length, bool apply_attention_factor,
                  float *cos, float *sin) const {
  const auto f = frequencies(total_length);
  const float factor = apply_attention_factor ? static_cast<float>(config_.attention_factor) : 1.0f;
  for (int64_t i = 0; i < n; ++i)
    for (size_t j = 0; j < f.size(); ++j) {
      const float angle = static_cast<float>(pos[i]) * f[j];
      *cos++ = std::cos(angle) * factor;
      *sin++ = std::sin(angle) * factor;
    }
}

}  // namespace kvern
