// A cache of its own for each kind of layer, index or range (transformers: HybridCache; Gemma 2, Jamba).
#include <kvern/abi/positions.h>

#include <algorithm>
#include <kvern/sdk/composite.hpp>
#include <kvern/sdk/plugin.hpp>

#include "plugins/hybrid/layer_choice.hpp"
#include "plugins/hybrid/layer_places.hpp"

namespace kvern::hybrid {
namespace {

class Hybrid : public sdk::Composite {
 public:
  static constexpr const char *name = "hybrid", *version = "1.0.0",
                              *summary = "gives each layer to a cache by its kind, index or range";
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit Hybrid(const sdk::Create &create) : Composite(create) {
    const std::vector<DLDevice> places = places_of(create);
    for (const Choice &choice : choose(create.options, create.layers)) add_choice(create, choice, places);
    span_.span = longest_span(create.layers);
  }
  /// "kvern.positions/1": the model's limit does not end the text if it ends it in no layer with keys.
  const void *extension(const char *id) const {
    if (std::string_view(id) != KVERN_POSITIONS_1) return Composite::extension(id);
    return span_.span > 0 ? &span_ : nullptr;
  }
  std::unique_ptr<Hybrid> clone() const { return std::unique_ptr<Hybrid>(new Hybrid(*this)); }

 private:
  Hybrid(const Hybrid &) = default;

  /// The farthest that a query sees in any layer with keys; 0: in some layer as far as the text goes.
  int64_t longest_span(const sdk::Layers &layers) const {
    int64_t longest = 0;
    for (int i = 0; i < std::ssize(layers); ++i) {
      if (layers[i].kind != KVERN_LAYER_ATTENTION) continue;
      const int64_t span = of(i).span();
      if (span == 0) return 0;
      longest = std::max(longest, span);
    }
    return longest;
  }

  kvern_cache_positions_1 span_{sizeof span_, 0, 0};

  /// One cache a place.
  void add_choice(const sdk::Create &create, const Choice &choice, const std::vector<DLDevice> &places) try {
    std::vector<int> left = choice.layers;
    while (!left.empty()) {
      const DLDevice place = places[static_cast<std::size_t>(left.front())];
      std::vector<int> here, others;
      for (const int layer : left)
        (same_place(places[static_cast<std::size_t>(layer)], place) ? here : others).push_back(layer);
      add(
          create, choice.cache, choice.config,
          [&](int i) { return std::binary_search(here.begin(), here.end(), i); }, place);
      left = std::move(others);
    }
  } catch (const sdk::Failure &failure) {
    sdk::fail(failure.status(), layers_text(choice.layers), " (", choice.chosen_by, "), cache '",
              choice.cache, "': ", failure.what());
  }
};

}  // namespace
}  // namespace kvern::hybrid

KVERN_PLUGIN(kvern::hybrid::Hybrid)
