// Keys and values rounded to fewer bits, in full-size memory: the memory of `dynamic`, and the quality of 8, 4 or 2 bits before
// the packing is written.
#include <cmath>
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {

namespace sdk = kvern::sdk;

class RoundedLayer : public sdk::DenseLayer {
 public:
  explicit RoundedLayer(const sdk::LayerCreate &layer)
      : DenseLayer(layer), steps_((1 << (layer.create.options.integer("nbits", 2, 8) - 1)) - 1) {
    if (layer.create.type.bits != 32)
      sdk::fail(KVERN_UNSUPPORTED, "rounded takes float32 keys: set cache_dtype = \"float32\"");
  }

  void store(int64_t slot, const DLTensor &k, const DLTensor *v) {
    DenseLayer::store(slot, k, v);
    each([&](sdk::DenseTensor &part) {
      part.change(k.shape[0], slot, slot + k.shape[2],
                  [&](std::byte *vector) { round(reinterpret_cast<float *>(vector), part.dim()); });
    });
  }

  RoundedLayer copy(const sdk::Extent &used) const { return {DenseLayer::copy(used), steps_}; }

 private:
  RoundedLayer(DenseLayer &&dense, int steps) : DenseLayer(std::move(dense)), steps_(steps) {}

  void round(float *x, int64_t dim) const {
    float max = 0;
    for (int64_t d = 0; d < dim; ++d) max = std::max(max, std::abs(x[d]));
    for (int64_t d = 0; d < dim && max > 0; ++d) x[d] = std::round(x[d] / max * steps_) / steps_ * max;
  }

  int steps_;
};

class Rounded : public sdk::KeyCache<sdk::LayerStorage<RoundedLayer>> {
 public:
  static constexpr const char *name = "rounded", *version = "1.0.0",
                              *summary = "keeps rounded keys and values";
  static std::vector<sdk::Option> options() { return {sdk::integer_option("nbits", 4)}; }

  explicit Rounded(const sdk::Create &create) : KeyCache(create, {.expected_slots = create.max_tokens}) {}
  std::unique_ptr<Rounded> clone() const { return std::unique_ptr<Rounded>(new Rounded(*this)); }

 private:
  Rounded(const Rounded &) = default;
};

}  // namespace

KVERN_PLUGIN(Rounded)
