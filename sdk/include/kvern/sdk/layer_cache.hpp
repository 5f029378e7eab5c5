// A whole plugin from one class for one layer.
#pragma once
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>

KVERN_SDK_BEGIN

/// KeyCache<LayerStorage<L>, Retention> with its name, constructor and clone:
///
///   static constexpr const char *name, *version, *summary;     of L
///   static std::vector<Option> options();                      optional
///   static constexpr bool runs_on_device                       optional
///   static Retention retention(const Create &, const Layer &)  optional, else that of the layer: LayerRetention
///
/// and the methods of a SlotLayer: a class that derives from DenseLayer has them all and overrides what differs.
template <class L, class Retention = KeepAll>
class LayerCache : public KeyCache<LayerStorage<L>, Retention> {
  using Base = KeyCache<LayerStorage<L>, Retention>;

 public:
  static constexpr const char *name = L::name, *version = L::version, *summary = L::summary;
  static constexpr bool runs_on_device = [] {
    if constexpr (requires { L::runs_on_device; }) return L::runs_on_device;
    return false;
  }();
  static std::vector<Option> options() { return detail::declared_options<L>(); }

  explicit LayerCache(const Create &create)
      : Base(create, {.expected_slots = create.max_tokens}, LayerRetention<L, Retention>{create}) {}
  std::unique_ptr<LayerCache> clone() const requires CopiesRows<L> {
    return std::unique_ptr<LayerCache>(new LayerCache(*this));
  }

 private:
  LayerCache(const LayerCache &) = default;
};

namespace detail {

/// One message for each method of a layer class, before the concept SlotLayer lists all that is not satisfied.
template <class L>
constexpr bool check_layer() {
  static_assert(Named<L>, "the class must have static constexpr const char *name, *version and *summary");
  static_assert(
      std::constructible_from<L, const LayerCreate &>,
      "the class must be constructible from const LayerCreate &: using DenseLayer::DenseLayer, or a "
      "constructor of its own");
  static_assert(
      requires(L & l, Extent extent) { l.resize(extent, extent); },
      "resize must be callable as resize(const Extent &wanted, const Extent &used)");
  static_assert(
      requires(L & l, int64_t slot, const DLTensor *t) { l.store(slot, *t, t); },
      "store must be callable as store(int64_t slot, const DLTensor &k, const DLTensor *v)");
  static_assert(
      requires(L & l, Extent used, OutTensor & desc, DLTensor * out) { l.read(used, desc, out, desc, out); },
      "read must be callable as read(const Extent &used, OutTensor &k_desc, DLTensor *k, OutTensor &v_desc, "
      "DLTensor *v)");
  static_assert(
      requires(const L &l) {
        { l.bytes() } -> std::convertible_to<int64_t>;
      },
      "bytes must be callable as int64_t bytes() on a const layer");
  return true;
}

template <class L, class Retention = KeepAll>
const kvern_plugin *layer_table() {
  if constexpr (Named<L> && SlotLayer<L>) return plugin_table<LayerCache<L, Retention>>();
  return nullptr;
}

}  // namespace detail

KVERN_SDK_END

/// Exports the plugin LayerCache<Layer>, or LayerCache<Layer, Retention>.
#define KVERN_LAYER_PLUGIN(Layer, ...)                                                      \
  static_assert(::kvern::sdk::detail::check_layer<Layer>());                                \
  extern "C" __attribute__((visibility("default"))) const kvern_plugin *kvern_plugin_entry( \
      const kvern_host *) {                                                                 \
    return ::kvern::sdk::detail::layer_table<Layer __VA_OPT__(, ) __VA_ARGS__>();           \
  }
