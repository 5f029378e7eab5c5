// One token at a time: scores, the groups that stay, the best experts among them.
#include "kernels/route.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace kvern::kernels {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

void check(const Routing &r) {
  const bool sizes = r.experts > 0 && r.experts <= kMaxExperts && r.top_k > 0 && r.top_k <= r.experts;
  if (!sizes) throw std::invalid_argument("route: top_k must be 1 to experts, experts at most 4096");
  if (r.group_score == GroupScore::none) return;
  const bool groups =
      r.groups > 0 && r.experts % r.groups == 0 && r.top_groups > 0 && r.top_groups <= r.groups;
  if (!groups || r.top_k > r.top_groups * (r.experts / r.groups))
    throw std::invalid_argument("route: the best groups must hold at least top_k experts");
}

void score_experts(const RouteCall &c, const float *logits, float *p) {
  const int64_t n = c.routing.experts;
  if (c.routing.score == RouterScore::sigmoid) {
    for (int64_t e = 0; e < n; ++e) p[e] = 1.0f / (1.0f + std::exp(-logits[e]));
    return;
  }
  const float top = *std::max_element(logits, logits + n);
  float sum = 0.0f;
  for (int64_t e = 0; e < n; ++e) sum += p[e] = std::exp(logits[e] - top);
  for (int64_t e = 0; e < n; ++e) p[e] /= sum;
}

float group_value(const float *choice, int64_t n, GroupScore score) {
  float first = kNone, second = kNone;
  for (int64_t e = 0; e < n; ++e) {
    if (choice[e] > first) {
      second = first;
      first = choice[e];
    } else {
      second = std::max(second, choice[e]);
    }
  }
  return score == GroupScore::largest || n == 1 ? first : first + second;
}

/// The first of the largest elements; marks it as taken.
int64_t take_best(float *values, int64_t n) {
  const int64_t best = std::max_element(values, values + n) - values;
  values[best] = kNone;
  return best;
}

/// Experts of groups that do not stay become minus infinity.
void drop_groups(const Routing &r, float *choice) {
  const int64_t size = r.experts / r.groups;
  std::array<float, kMaxExperts> values;
  std::array<bool, kMaxExperts> stays;
  for (int64_t g = 0; g < r.groups; ++g) {
    values[static_cast<size_t>(g)] = group_value(choice + g * size, size, r.group_score);
    stays[static_cast<size_t>(g)] = false;
  }
  for (int64_t i = 0; i < r.top_groups; ++i)
    stays[static_cast<size_t>(take_best(values.data(), r.groups))] = true;
  for (int64_t g = 0; g < r.groups; ++g)
    if (!stays[static_cast<size_t>(g)]) std::fill_n(choice + g * size, size, kNone);
}

void route_token(const RouteCall &c, int64_t row) {
  const Routing &r = c.routing;
  std::array<float, kMaxExperts> p, choice;
  score_experts(c, c.logits + row * c.logits_stride, p.data());
  for (int64_t e = 0; e < r.experts; ++e) {
    const auto at = static_cast<size_t>(e);
    choice[at] = p[at] + (c.bias ? load_element(c.bias, c.bias_type, e) : 0.0f);
  }
  if (r.group_score != GroupScore::none) drop_groups(r, choice.data());
  int32_t *ids = c.ids + row * r.top_k;
  float *weights = c.weights + row * r.top_k, sum = 0.0f;
  for (int64_t i = 0; i < r.top_k; ++i) ids[i] = static_cast<int32_t>(take_best(choice.data(), r.experts));
  std::sort(ids, ids + r.top_k);
  for (int64_t i = 0; i < r.top_k; ++i) sum += weights[i] = p[static_cast<size_t>(ids[i])];
  const float factor = r.normalize ? r.scale / (sum + 1e-20f) : r.scale;
  for (int64_t i = 0; i < r.top_k; ++i) weights[i] *= factor;
}

}  // namespace

void route(const RouteCall &call, const Parallel &parallel) {
  check(call.routing);
  parallel_for(parallel, call.rows, 64, [&call](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) route_token(call, row);
  });
}

}  // namespace kvern::kernels
