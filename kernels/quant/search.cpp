// Initial fits: spans and shifts from which least squares converges to good levels. Chosen among about ten
// sets for each number of bits on the recorded tensors of tests/reference/quality; the levels were trained on
// other data (train_levels.py).
#include "kernels/quant/search.hpp"

#include <initializer_list>
#include <vector>

namespace kvern::kernels::quant {
namespace {

/// All spans with all shifts, and mirrored where levels are asymmetric.
std::vector<InitialFit> make_initial_fits(std::initializer_list<float> spans,
                                          std::initializer_list<float> shifts, bool mirrored) {
  std::vector<InitialFit> out;
  for (float span : spans) {
    for (float shift : shifts) {
      out.push_back({span, shift});
      if (mirrored) out.push_back({-span, shift});
    }
  }
  return out;
}

std::vector<InitialFit> choose_initial_fits(int bits, Search search) {
  const bool full = search == Search::full;
  if (search == Search::none) return {};
  if (bits == 8 && full) {
    return make_initial_fits(
        {1.004f, 1.002f, 1.001f, 1.0f, 0.999f, 0.998f, 0.996f, 0.994f, 0.992f, 0.99f, 0.988f, 0.986f},
        {-0.33f, 0.0f, 0.33f}, false);
  }
  if (bits == 8) return make_initial_fits({1.0f, 0.998f, 0.996f, 0.994f}, {-0.3f, 0.0f, 0.3f}, false);
  if (bits == 1)
    return full ? make_initial_fits({0.6f}, {-0.4f, -0.25f, -0.1f, 0.0f, 0.1f, 0.25f, 0.4f}, false)
                : make_initial_fits({0.6f}, {-0.2f, 0.0f, 0.2f}, false);
  if (full) {
    return make_initial_fits({1.1f, 1.05f, 1.0f, 0.95f, 0.9f, 0.85f, 0.8f, 0.7f, 0.6f},
                             {-0.2f, -0.1f, -0.05f, 0.0f, 0.05f, 0.1f, 0.2f}, true);
  }
  if (bits == 4) return make_initial_fits({1.1f, 1.0f, 0.9f, 0.8f}, {-0.12f, 0.0f, 0.12f}, true);
  if (bits == 3) return make_initial_fits({1.05f, 0.95f, 0.86f, 0.78f, 0.7f}, {-0.08f, 0.0f, 0.08f}, true);
  return make_initial_fits({1.05f, 0.92f, 0.8f, 0.68f}, {-0.12f, 0.0f, 0.12f}, true);
}

struct PlannedSearch {
  std::vector<InitialFit> initial_fits;
  SearchPlan plan;
  PlannedSearch(int bits, Search search) : initial_fits(choose_initial_fits(bits, search)) {
    const int rounds = bits == 8 ? 1 : search == Search::full ? 6 : 4;
    plan = {bits, initial_fits.data(), static_cast<int>(initial_fits.size()), rounds};
  }
};

template <Search search>
const SearchPlan &plan_for(int bits) {
  static const PlannedSearch planned[] = {{8, search}, {4, search}, {3, search}, {2, search}, {1, search}};
  for (const PlannedSearch &one : planned) {
    if (one.plan.bits == bits) return one.plan;
  }
  return planned[0].plan;
}

}  // namespace

const SearchPlan &plan_of(int bits, Search search) {
  if (search == Search::none) return plan_for<Search::none>(bits);
  if (search == Search::full) return plan_for<Search::full>(bits);
  return plan_for<Search::fast>(bits);
}

}  // namespace kvern::kernels::quant
