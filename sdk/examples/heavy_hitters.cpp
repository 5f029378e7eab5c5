// H2O (Zhang et al. 2023): of the tokens beyond `budget` those leave that attention has looked at least, summed over all queries so
// far. All heads of a layer keep the same tokens, half of them the most recent ones. Scores are not saved with the cache.
#include <algorithm>
#include <kvern/sdk/attending_cache.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {

namespace sdk = kvern::sdk;

/// One for each layer: scores are by slot, which the rows of a batch share.
struct HeavyHitters {
  static constexpr bool drops = true, drops_ranges = true;

  int64_t budget = 64;
  int layer = -1;
  std::vector<float> scores{};
  bool dropped_any = false;

  bool operator==(const HeavyHitters &other) const { return budget == other.budget && layer == other.layer; }

  int64_t limit(const sdk::Slots &, const sdk::Step &) const { return budget; }
  int64_t first_visible(const sdk::Slots &) const { return 0; }
  int64_t rollback(const sdk::Slots &slots) const { return dropped_any && slots.held() > 0 ? 0 : -1; }

  sdk::SlotRange droppable(const sdk::Slots &slots) const {
    if (slots.held() <= budget) return {};
    const int64_t old = slots.held() - std::max<int64_t>(1, budget / 2);
    const auto score = [&](int64_t slot) { return slot < std::ssize(scores) ? scores[slot] : 0.0f; };
    int64_t least = 0;
    for (int64_t slot = 1; slot < old; ++slot)
      if (score(slot) < score(least)) least = slot;
    return {least, 1};
  }
  void dropped(const sdk::SlotRange &range) {
    dropped_any = true;
    if (range.begin < std::ssize(scores)) scores.erase(scores.begin() + range.begin);
  }
  /// mass [rows, heads, slots] of a step; what a step added that was taken back goes with its slots.
  void add(const std::vector<float> &mass, const sdk::Slots &slots) {
    if (slots.held() == 0) dropped_any = false;
    scores.resize(static_cast<std::size_t>(slots.held()), 0.0f);
    scores.resize(static_cast<std::size_t>(slots.size()), 0.0f);
    for (std::size_t i = 0; i < mass.size(); ++i) scores[i % scores.size()] += mass[i];
  }
};

class HeavyHitterCache : public sdk::AttendingCache<sdk::Dense, HeavyHitters> {
 public:
  static constexpr const char *name = "heavy_hitters", *version = "1.0.0",
                              *summary = "keeps the tokens that attention looks at most";
  static std::vector<sdk::Option> options() { return {sdk::integer_option("budget", 64)}; }

  explicit HeavyHitterCache(const sdk::Create &create)
      : AttendingCache(
            create, {},
            [budget = create.options.integer("budget", 2, 1 << 30)](int layer, const sdk::Layer &) {
              return HeavyHitters{budget, layer};
            }) {
    attend_by(sdk::HostAttention(create, true));
  }
  std::unique_ptr<HeavyHitterCache> clone() const {
    return std::unique_ptr<HeavyHitterCache>(new HeavyHitterCache(*this));
  }

  void attend(const kvern_attend &request) {
    retention(request.layer).add(attend_with_mass(request), slots(request.layer));
  }

 private:
  HeavyHitterCache(const HeavyHitterCache &) = default;
};

}  // namespace

KVERN_PLUGIN(HeavyHitterCache)
