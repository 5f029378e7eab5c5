// Reference implementation of route.cpp: experts sorted by what they are chosen by, in double precision.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "kernels/route.hpp"

namespace kvern::kernels {
namespace {

std::vector<double> scores(const RouteCall &c, int64_t row) {
  std::vector<double> p(static_cast<size_t>(c.routing.experts));
  double sum = 0.0;
  for (size_t e = 0; e < p.size(); ++e) {
    const double logit = c.logits[row * c.logits_stride + static_cast<int64_t>(e)];
    p[e] = c.routing.score == RouterScore::sigmoid ? 1.0 / (1.0 + std::exp(-logit)) : std::exp(logit);
    sum += p[e];
  }
  for (double &x : p)
    if (c.routing.score == RouterScore::softmax) x /= sum;
  return p;
}

/// Indices by falling value, the first among equals in front.
std::vector<size_t> sorted(const std::vector<double> &values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
  return order;
}

std::vector<bool> allowed(const Routing &r, const std::vector<double> &choice) {
  if (r.group_score == GroupScore::none) return std::vector<bool>(choice.size(), true);
  const auto size = static_cast<std::ptrdiff_t>(r.experts / r.groups);
  std::vector<double> values;
  for (auto at = choice.begin(); at != choice.end(); at += size) {
    std::vector<double> group(at, at + size);
    std::sort(group.begin(), group.end(), std::greater<>());
    values.push_back(group[0] + (r.group_score == GroupScore::two_largest && size > 1 ? group[1] : 0.0));
  }
  std::vector<size_t> best = sorted(values);
  best.resize(static_cast<size_t>(r.top_groups));
  std::vector<bool> may(choice.size());
  for (size_t e = 0; e < may.size(); ++e)
    may[e] = std::count(best.begin(), best.end(), e / static_cast<size_t>(size)) != 0;
  return may;
}

}  // namespace

void route_reference(const RouteCall &c) {
  const Routing &r = c.routing;
  for (int64_t row = 0; row < c.rows; ++row) {
    const std::vector<double> p = scores(c, row);
    std::vector<double> choice = p;
    for (size_t e = 0; c.bias && e < p.size(); ++e)
      choice[e] += load_element(c.bias, c.bias_type, static_cast<int64_t>(e));
    const std::vector<bool> may = allowed(r, choice);
    std::vector<size_t> chosen;
    for (const size_t e : sorted(choice))
      if (may[e] && chosen.size() < static_cast<size_t>(r.top_k)) chosen.push_back(e);
    std::sort(chosen.begin(), chosen.end());
    double sum = 0.0;
    for (const size_t e : chosen) sum += p[e];
    for (size_t i = 0; i < chosen.size(); ++i) {
      c.ids[row * r.top_k + static_cast<int64_t>(i)] = static_cast<int32_t>(chosen[i]);
      c.weights[row * r.top_k + static_cast<int64_t>(i)] =
          static_cast<float>(p[chosen[i]] * r.scale / (r.normalize ? sum : 1.0));
    }
  }
}

}  // namespace kvern::kernels
