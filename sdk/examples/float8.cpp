// 8-bit floats (E4M3, Micikevicius et al. 2022) with a scale for each vector, and attention on the packed bytes themselves.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/packed_attention.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {

namespace sdk = kvern::sdk;

struct Float8 {
  static constexpr float kMax = 448;  // of E4M3

  static uint8_t encode(float x) {
    const float size = std::min(std::abs(x), kMax);
    const int exponent = std::max(size > 0 ? std::ilogb(size) : -6, -6);
    const int units =
        static_cast<int>(std::nearbyint(std::ldexp(size, 3 - exponent)));  // 8 .. 16, or subnormal
    const int bits = units + (exponent + 6) * 8;                           // a carry goes to the exponent
    return static_cast<uint8_t>((std::signbit(x) ? 0x80 : 0) | std::min(bits, 0x7E));
  }
  static float decode(uint8_t code) {
    const int exponent = code >> 3 & 15, fraction = code & 7;
    const float size = exponent ? std::ldexp(8.0f + static_cast<float>(fraction), exponent - 10)
                                : std::ldexp(static_cast<float>(fraction), -9);
    return code & 0x80 ? -size : size;
  }

  int64_t bytes(int64_t dim) const { return dim + static_cast<int64_t>(sizeof(float)); }
  void pack(std::span<const float> x, std::byte *to) const {
    float largest = 0;
    for (const float one : x) largest = std::max(largest, std::abs(one));
    const float scale = largest > 0 ? largest / kMax : 1;
    std::memcpy(to, &scale, sizeof scale);
    for (std::size_t d = 0; d < x.size(); ++d) to[sizeof scale + d] = std::byte{encode(x[d] / scale)};
  }
  void unpack(const std::byte *from, std::span<float> x) const {
    static const std::array<float, 256> values = [] {
      std::array<float, 256> all{};
      for (int code = 0; code < 256; ++code)
        all[static_cast<std::size_t>(code)] = decode(static_cast<uint8_t>(code));
      return all;
    }();
    float scale;
    std::memcpy(&scale, from, sizeof scale);
    for (std::size_t d = 0; d < x.size(); ++d)
      x[d] = values[static_cast<std::size_t>(from[sizeof scale + d])] * scale;
  }
};

class Float8Cache : public sdk::KeyCache<sdk::Packed<Float8, true>> {
 public:
  static constexpr const char *name = "float8", *version = "1.0.0", *summary = "keeps 8-bit floats";
  static constexpr bool attends_other_queries = true;

  explicit Float8Cache(const sdk::Create &create) : KeyCache(create, {}) {}
  std::unique_ptr<Float8Cache> clone() const { return std::unique_ptr<Float8Cache>(new Float8Cache(*this)); }

  void attend(const kvern_attend &request) {
    if (request.bias || request.sinks)
      sdk::fail(KVERN_UNSUPPORTED, "attention with a bias or sinks is the host's");
    if (request.k) store(request.layer, *request.k, request.v);
    DLTensor k, v;
    storage().read_packed(request.layer, {step().rows, slots().size()}, &k, &v);
    sdk::attend_packed(storage().layer(request.layer).codec(), request, step(), slots(), k, v);
  }

 private:
  Float8Cache(const Float8Cache &) = default;
};

}  // namespace

KVERN_PLUGIN(Float8Cache)
