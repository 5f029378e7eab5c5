// Two bits for each element: four levels between the smallest and the largest of a vector, and these two as float32.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <kvern/sdk/packed.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {

struct FourLevels {
  static constexpr const char *name = "two_bits", *version = "1.0.0",
                              *summary = "keeps two bits of each element";

  int64_t bytes(int64_t dim) const { return 2 * sizeof(float) + (dim + 3) / 4; }

  void pack(std::span<const float> x, std::byte *to) const {
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    const float range[2] = {*low, (*high - *low) / 3};
    std::memcpy(to, range, sizeof range);
    std::fill_n(to + sizeof range, (x.size() + 3) / 4, std::byte{0});
    for (std::size_t d = 0; d < x.size(); ++d) {
      const auto level = range[1] > 0 ? std::lround((x[d] - range[0]) / range[1]) : 0L;
      to[sizeof range + d / 4] |= static_cast<std::byte>(std::min(level, 3L) << (d % 4 * 2));
    }
  }

  void unpack(const std::byte *from, std::span<float> x) const {
    float range[2];
    std::memcpy(range, from, sizeof range);
    for (std::size_t d = 0; d < x.size(); ++d) {
      const auto level = static_cast<unsigned>(from[sizeof range + d / 4]) >> (d % 4 * 2) & 3u;
      x[d] = range[0] + static_cast<float>(level) * range[1];
    }
  }
};

}  // namespace

KVERN_PLUGIN(kvern::sdk::PackedCache<FourLevels>)
