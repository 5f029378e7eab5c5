// A cache that keeps keys and values with fewer bits than they came with, in full-size memory: it costs what `dynamic` costs
// and shows what a model thinks of 8, 4 or 2 bits before anyone writes the packing.
#include <cmath>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>

namespace {

namespace sdk = kvern::sdk;

class V1RoundedLayer : public sdk::DenseLayer {
 public:
  explicit V1RoundedLayer(const sdk::LayerCreate &layer)
      : DenseLayer(layer), steps_((1 << (layer.create.options.integer("nbits", 2, 8) - 1)) - 1) {
    if (layer.create.type.bits != 32)
      sdk::fail(KVERN_UNSUPPORTED, "rounded takes float32 keys; set cache_dtype");
  }

  void store(int64_t slot, const DLTensor &k, const DLTensor *v) {
    DenseLayer::store(slot, k, v);
    each([&](sdk::DenseTensor &part) {
      part.change(k.shape[0], slot, slot + k.shape[2],
                  [&](std::byte *vector) { round(reinterpret_cast<float *>(vector), part.dim()); });
    });
  }

  V1RoundedLayer copy(const sdk::Room &used) const { return {DenseLayer::copy(used), steps_}; }

 private:
  V1RoundedLayer(DenseLayer &&dense, int steps) : DenseLayer(std::move(dense)), steps_(steps) {}

  void round(float *x, int64_t dim) const {
    float most = 0;
    for (int64_t d = 0; d < dim; ++d) most = std::max(most, std::abs(x[d]));
    for (int64_t d = 0; d < dim && most > 0; ++d) x[d] = std::round(x[d] / most * steps_) / steps_ * most;
  }

  int steps_;
};

class V1Rounded : public sdk::SlotCache<V1RoundedLayer> {
 public:
  static constexpr const char *name = "v1_rounded", *version = "1.0.0",
                              *summary = "keeps rounded keys and values";
  static std::vector<sdk::Option> options() { return {sdk::integer_option("nbits", 4)}; }

  explicit V1Rounded(const sdk::Create &create) : SlotCache(create, {.expected = create.max_tokens}) {}
  std::unique_ptr<V1Rounded> clone() const { return std::unique_ptr<V1Rounded>(new V1Rounded(*this)); }

 private:
  V1Rounded(const V1Rounded &) = default;
};

}  // namespace

KVERN_PLUGIN(V1Rounded)
