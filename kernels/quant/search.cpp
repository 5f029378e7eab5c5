// The starts: spans and shifts from which least squares finds good levels. Found by trying about ten sets for each number
// of bits on the recorded tensors of tests/reference/quality; the levels themselves never saw those (train_levels.py).
#include "kernels/quant/search.hpp"

#include <initializer_list>
#include <vector>

namespace kvern::kernels::quant {
namespace {

/// All spans with all shifts, and mirrored where levels are lopsided.
std::vector<Start> starts_of(std::initializer_list<float> spans, std::initializer_list<float> shifts,
                             bool mirrored) {
  std::vector<Start> out;
  for (float span : spans) {
    for (float shift : shifts) {
      out.push_back({span, shift});
      if (mirrored) out.push_back({-span, shift});
    }
  }
  return out;
}

std::vector<Start> starts_for(int bits, Search search) {
  const bool full = search == Search::full;
  if (search == Search::none) return {};
  if (bits == 8 && full) {
    return starts_of(
        {1.004f, 1.002f, 1.001f, 1.0f, 0.999f, 0.998f, 0.996f, 0.994f, 0.992f, 0.99f, 0.988f, 0.986f},
        {-0.33f, 0.0f, 0.33f}, false);
  }
  if (bits == 8) return starts_of({1.0f, 0.998f, 0.996f, 0.994f}, {-0.3f, 0.0f, 0.3f}, false);
  if (bits == 1)
    return full ? starts_of({0.6f}, {-0.4f, -0.25f, -0.1f, 0.0f, 0.1f, 0.25f, 0.4f}, false)
                : starts_of({0.6f}, {-0.2f, 0.0f, 0.2f}, false);
  if (full) {
    return starts_of({1.1f, 1.05f, 1.0f, 0.95f, 0.9f, 0.85f, 0.8f, 0.7f, 0.6f},
                     {-0.2f, -0.1f, -0.05f, 0.0f, 0.05f, 0.1f, 0.2f}, true);
  }
  if (bits == 4) return starts_of({1.1f, 1.0f, 0.9f, 0.8f}, {-0.12f, 0.0f, 0.12f}, true);
  if (bits == 3) return starts_of({1.05f, 0.95f, 0.86f, 0.78f, 0.7f}, {-0.08f, 0.0f, 0.08f}, true);
  return starts_of({1.05f, 0.92f, 0.8f, 0.68f}, {-0.12f, 0.0f, 0.12f}, true);
}

struct Planned {
  std::vector<Start> starts;
  Plan plan;
  Planned(int bits, Search search) : starts(starts_for(bits, search)) {
    const int rounds = bits == 8 ? 1 : search == Search::full ? 6 : 4;
    plan = {bits, starts.data(), static_cast<int>(starts.size()), rounds};
  }
};

template <Search search>
const Plan &plan_for(int bits) {
  static const Planned planned[] = {{8, search}, {4, search}, {3, search}, {2, search}, {1, search}};
  for (const Planned &one : planned) {
    if (one.plan.bits == bits) return one.plan;
  }
  return planned[0].plan;
}

}  // namespace

const Plan &plan_of(int bits, Search search) {
  if (search == Search::none) return plan_for<Search::none>(bits);
  if (search == Search::full) return plan_for<Search::full>(bits);
  return plan_for<Search::fast>(bits);
}

}  // namespace kvern::kernels::quant
