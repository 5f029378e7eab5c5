// Old tokens at a few bits, recent ones unquantized (residual window, KIVI), attention on both in place.
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>

#include "plugins/quantized/attend.hpp"
#include "plugins/quantized/packed_storage.hpp"

namespace kvern::quantized {
namespace {

class Quantized : public sdk::KeyCache<PackedStorage, sdk::KeepAll> {
 public:
  static constexpr const char *name = "quantized", *version = "1.0.0",
                              *summary = "keeps old tokens at 8, 4, 3, 2 or 1 bits, recent ones in full";
  static constexpr bool attends_other_queries = true;
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit Quantized(const sdk::Create &create) : Quantized(create, read_settings(create.options)) {}

  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    if (out_k) storage().reserve_read(layer, {step().rows, slots().size()});
    KeyCache::update(layer, k, v, out_k, out_v);
  }

  void attend(const kvern_attend &request) {
    if (request.k) store(request.layer, *request.k, request.v);
    if (step().tentative() && request.q->shape[2] > 1)
      storage().pack_ahead(request.layer, slots().size() - 1);
    attention_.run(request, storage().layer(request.layer), slots(), step(), storage().parallel());
  }

  std::unique_ptr<Quantized> clone() const { return std::unique_ptr<Quantized>(new Quantized(*this)); }

  void save(sdk::Writer &out) const {
    visit_settings([&](const char *, int64_t value) { out.number(value); });
    KeyCache::save(out);
  }
  void load(sdk::Reader &in) {
    visit_settings([&](const char *what, int64_t value) { in.expect(what, value); });
    KeyCache::load(in);
  }

 private:
  Quantized(const sdk::Create &create, const Settings &settings)
      : KeyCache(create, settings), settings_(settings), attention_(settings.arithmetic) {}
  Quantized(const Quantized &other)
      : KeyCache(other), settings_(other.settings_), attention_(settings_.arithmetic) {}

  /// What a saved cache must have in common with the one that loads it, beside the layers.
  template <class Visit>
  void visit_settings(Visit visit) const {
    visit("key_nbits", settings_.key.bits);
    visit("value_nbits", settings_.value.bits);
    visit("axis_key", settings_.key.axis == quant::Axis::channel);
    visit("axis_value", settings_.value.axis == quant::Axis::channel);
    visit("q_group_size", settings_.key.group);
    visit("residual_length", settings_.residual_length);
    visit("rotation", settings_.key.rotate);
  }

  Settings settings_;
  Attention attention_;
};

}  // namespace
}  // namespace kvern::quantized

KVERN_PLUGIN(kvern::quantized::Quantized)
