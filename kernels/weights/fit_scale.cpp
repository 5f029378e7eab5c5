// Least squares, alternating: nearest codes for a scale, then the best scale for these codes. The scale begins where the group's
// largest element has the first or the last code, or a little further in. It is rounded to f16 before the final codes are chosen.
#include <cmath>

#include "kernels/weights/group_fit.hpp"

namespace kvern::kernels {
namespace {

constexpr float kSpans[] = {1.0f, 0.92f, 0.84f, 0.76f};
constexpr int kRefinements = 3;

/// Of the codes that are nearest for a scale: sums of w x v and w v v. The error is a constant minus gain().
struct Fit {
  float xv = 0.0f, vv = 0.0f;

  float scale() const { return vv > 0.0f ? xv / vv : 0.0f; }
  float gain() const { return vv > 0.0f ? xv * xv / vv : 0.0f; }  ///< with the best scale for the codes
};

Fit fit(const Group &g, float scale) {
  Fit f;
  const float inverse = 1.0f / scale;
  if (!std::isfinite(inverse)) return f;
  for (int64_t i = 0; i < g.n; ++i) {
    const auto v = static_cast<float>(nearest_code(g.x[i] * inverse));
    const float w = g.weight(i) * v;
    f.xv += w * g.x[i];
    f.vv += w * v;
  }
  return f;
}

/// What a scale loses, as it will be stored.
double error_of(const Group &g, float scale) {
  double sum = 0.0;
  const float inverse = inverse_of(scale);
  for (int64_t i = 0; i < g.n; ++i) {
    const float d = g.x[i] - scale * static_cast<float>(nearest_code(g.x[i] * inverse));
    sum += g.weight(i) * d * d;
  }
  return sum;
}

float stored(float scale) { return f16_to_f32(f32_to_f16(std::clamp(scale, -65504.0f, 65504.0f))); }

}  // namespace

uint16_t fit_scale(const Group &g) {
  float largest = 0.0f;
  for (int64_t i = 0; i < g.n; ++i) largest = std::max(largest, std::abs(g.x[i]));
  if (largest == 0.0f) return 0;
  const float plain = stored(largest / 127.0f);  // where rounding to nearest begins
  Fit best;
  for (const float span : kSpans) {
    const Fit found = fit(g, span * largest / 127.0f);
    if (found.gain() > best.gain()) best = found;
  }
  for (int i = 0; i < kRefinements; ++i) {
    const Fit found = fit(g, best.scale());
    if (found.gain() <= best.gain()) break;
    best = found;
  }
  const float refined = stored(best.scale());
  return f32_to_f16(error_of(g, refined) < error_of(g, plain) ? refined : plain);
}

}  // namespace kvern::kernels
