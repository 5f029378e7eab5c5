// Proves composition by layer: a cache for each kind of layer. With a recurrent child it is Jamba's cache, with a cross child an
// encoder-decoder's.
#include <kvern/sdk/composite.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {
using namespace kvern::sdk;

class TinyHybrid : public Composite {
 public:
  static constexpr const char *name = "tiny_hybrid", *version = "0",
                              *summary = "another cache for each kind of layer";
  static std::vector<Option> options() {
    return {string_option("full", "dynamic"), string_option("window", "dynamic"),
            string_option("state", "tiny_state"), string_option("cross", "tiny_cross")};
  }

  explicit TinyHybrid(const Create &create) : Composite(create) {
    for (const char *kind : {"full", "window", "state", "cross"})
      add(create, create.options.string(kind), {}, [&](int i) { return kind_of(create.layers[i]) == kind; });
  }
  std::unique_ptr<TinyHybrid> clone() const { return std::unique_ptr<TinyHybrid>(new TinyHybrid(*this)); }

 private:
  TinyHybrid(const TinyHybrid &) = default;

  static std::string_view kind_of(const Layer &layer) {
    if (layer.kind == KVERN_LAYER_ATTENTION) return layer.window > 0 ? "window" : "full";
    return layer.kind == KVERN_LAYER_STATE ? "state" : layer.kind == KVERN_LAYER_CROSS ? "cross" : "none";
  }
};
}  // namespace
KVERN_PLUGIN(TinyHybrid)
