// A cache of its own for each kind of layer, index or range (transformers: HybridCache; Gemma 2, Jamba).
#include <algorithm>
#include <kvern/sdk/composite.hpp>
#include <kvern/sdk/plugin.hpp>

#include "plugins/hybrid/layer_choice.hpp"

namespace kvern::hybrid {
namespace {

class Hybrid : public sdk::Composite {
 public:
  static constexpr const char *name = "hybrid", *version = "1.0.0",
                              *summary = "gives each layer to a cache by its kind, index or range";
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit Hybrid(const sdk::Create &create) : Composite(create) {
    for (const Choice &choice : choose(create.options, create.layers)) add_choice(create, choice);
  }
  std::unique_ptr<Hybrid> clone() const { return std::unique_ptr<Hybrid>(new Hybrid(*this)); }

 private:
  Hybrid(const Hybrid &) = default;

  void add_choice(const sdk::Create &create, const Choice &choice) try {
    add(create, choice.cache, choice.config,
        [&](int i) { return std::binary_search(choice.layers.begin(), choice.layers.end(), i); });
  } catch (const sdk::Failure &failure) {
    sdk::fail(failure.status(), layers_text(choice.layers), " (", choice.chosen_by, "), cache '",
              choice.cache, "': ", failure.what());
  }
};

}  // namespace
}  // namespace kvern::hybrid

KVERN_PLUGIN(kvern::hybrid::Hybrid)
