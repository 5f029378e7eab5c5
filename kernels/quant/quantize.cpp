// Gathers tokens into groups, a vector of groups in parallel, and stores their codes in units.
#include "kernels/quant/quantize.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/quant/element.hpp"
#include "kernels/quant/quant_kernels.hpp"
#include "kernels/quant/search.hpp"
#include "kernels/scratch.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels::quant {
namespace {

constexpr int64_t kMaxWidth = 16, kMaxGroupSize = 256;

/// Constant within one block.
struct Work {
  const BlockFormat &format;
  bool keys;
  const TensorFormat &tensor;
  const TensorLayout &layout;
  const QuantKernelTable &ops;
  const SearchPlan &plan;
  int64_t tokens;
  const float *x;  ///< [tokens, dim]
  uint8_t *codes;  ///< [units, 64]
  std::byte *block;
};

/// The offset of the code of (token, channel) is the sum of the two.
int64_t place_of(const Work &w, int64_t token, int64_t channel) {
  const CodeOffset place = code_offset(w.format, w.keys, token, channel);
  return place.unit * 64 + place.index;
}
int64_t place_of_token(const Work &w, int64_t token) { return place_of(w, token, 0); }
int64_t place_of_channel(const Work &w, int64_t channel) { return place_of(w, 0, channel); }

/// Interleaved groups: of tokens t, t + 1, ... if the axis is the token, else of channels c, c + 1, ...
struct Tile {
  int64_t t, c, groups, n;
};

void gather(const Work &w, const Tile &tile, float *x) {
  const int64_t width = w.ops.width, dim = w.tensor.dim;
  const float *from = w.x + tile.t * dim + tile.c;
  const bool by_token = w.tensor.axis == Axis::token;
  if (tile.groups < width) std::memset(x, 0, static_cast<size_t>(tile.n * width) * 4);
  if (by_token) {
    for (int64_t j = 0; j < tile.groups; ++j) {
      for (int64_t i = 0; i < tile.n; ++i) x[i * width + j] = from[j * dim + i];
    }
  } else {
    for (int64_t i = 0; i < tile.n; ++i) {
      std::memcpy(x + i * width, from + i * dim, static_cast<size_t>(tile.groups) * 4);
    }
  }
}

void scatter(const Work &w, const Tile &tile, const uint8_t *codes) {
  const int64_t width = w.ops.width;
  const bool by_token = w.tensor.axis == Axis::token;
  int64_t place[kMaxWidth];
  for (int64_t j = 0; j < tile.groups; ++j) {
    place[j] = by_token ? place_of_token(w, tile.t + j) : place_of_channel(w, tile.c + j);
  }
  for (int64_t i = 0; i < tile.n; ++i) {
    uint8_t *to = w.codes + (by_token ? place_of_channel(w, tile.c + i) : place_of_token(w, tile.t + i));
    for (int64_t j = 0; j < tile.groups; ++j) to[place[j]] = codes[i * width + j];
  }
}

void quantize_tile(const Work &w, const Tile &tile) {
  alignas(64) float x[kMaxGroupSize * kMaxWidth];
  uint8_t codes[kMaxGroupSize * kMaxWidth];
  uint16_t meta[3][kMaxWidth];
  gather(w, tile, x);
  w.ops.fit({x, tile.n, &w.plan, meta[0], meta[1], w.tensor.bits == 8 ? meta[2] : nullptr, codes});
  scatter(w, tile, codes);
  const int64_t at = scale_index(w.format, w.keys, tile.t, tile.c) * 2;
  auto put = [&](int64_t offset, const uint16_t *from) {
    std::memcpy(w.block + offset + at, from, static_cast<size_t>(tile.groups) * 2);
  };
  put(w.layout.scales, meta[0]);
  put(w.layout.zeros, meta[1]);
  if (w.tensor.bits == 8) put(w.layout.zeros_low, meta[2]);
}

void quantize_tiles(const Work &w) {
  const int64_t width = w.ops.width, dim = w.tensor.dim, group = w.tensor.group;
  const bool by_token = w.tensor.axis == Axis::token;
  const int64_t token_step = by_token ? width : group, channel_step = by_token ? group : width;
  for (int64_t t = 0; t < w.tokens; t += token_step) {
    for (int64_t c = 0; c < dim; c += channel_step) {
      const int64_t tokens = std::min(token_step, w.tokens - t), channels = std::min(channel_step, dim - c);
      quantize_tile(w, by_token ? Tile{t, c, tokens, channels} : Tile{t, c, channels, tokens});
    }
  }
}

/// The bits of codes from `low` on, `bits` of each: 8 / bits units into 64 bytes.
void pack(const uint8_t *codes, int64_t units, int low, int bits, std::byte *to) {
  const int shared = 8 / bits, mask = (1 << bits) - 1;
  for (int64_t unit = 0; unit < units; unit += shared, to += 64) {
    uint8_t bytes[64] = {};
    for (int i = 0; i < shared; ++i, codes += 64) {
      for (int j = 0; j < 64; ++j) {
        bytes[j] = static_cast<uint8_t>(bytes[j] | (codes[j] >> low & mask) << (i * bits));
      }
    }
    std::memcpy(to, bytes, 64);
  }
}

void pack_codes(const Work &w) {
  std::byte *to = w.block + w.layout.codes;
  const int bits = w.tensor.bits;
  if (bits != 3) return pack(w.codes, w.layout.units, 0, bits, to);
  pack(w.codes, w.layout.units, 0, 2, to);
  pack(w.codes, w.layout.units, 2, 1, to + detail::third_bits(w.layout));
}

/// Scales and zeros of absent tokens are 0.
void clear_scales(const Work &w) {
  const int64_t end = w.keys ? w.format.value_layout.codes : w.format.bytes;
  std::memset(w.block + w.layout.scales, 0, static_cast<size_t>(end - w.layout.scales));
}

void quantize(const BlockFormat &format, bool keys, const HeadView &x, int64_t tokens, Search search,
              std::byte *block) {
  const TensorFormat &tensor = format_of(format, keys);
  const TensorLayout &layout = layout_of(format, keys);
  const int64_t dim = tensor.dim, elements = tokens * dim;
  ScratchArena arena(thread_scratch(
      ScratchUser::quantizer,
      ScratchArena::floats<float>(elements) + ScratchArena::floats<uint8_t>(layout.units * 64)));
  float *rows = arena.take<float>(elements);
  Work w = {format,
            keys,
            tensor,
            layout,
            quant_kernels(),
            plan_of(tensor.bits, search),
            tokens,
            rows,
            arena.take<uint8_t>(layout.units * 64),
            block};
  for (int64_t t = 0; t < tokens; ++t) {
    kernel_table().convert_row(element_at(x.data, x.type, t * x.stride), x.type, rows + t * dim, Dtype::f32,
                               dim);
  }
  w.ops.clean(rows, elements);
  if (tensor.rotate) w.ops.rotate_rows(rows, tokens, dim, dim);
  std::memset(w.codes, 0, static_cast<size_t>(layout.units * 64));
  clear_scales(w);
  quantize_tiles(w);
  pack_codes(w);
}

}  // namespace

void quantize_keys(const BlockFormat &format, const HeadView &x, int64_t tokens, Search search,
                   std::byte *block) {
  quantize(format, true, x, tokens, search, block);
}

void quantize_values(const BlockFormat &format, const HeadView &x, int64_t tokens, Search search,
                     std::byte *block) {
  quantize(format, false, x, tokens, search, block);
}

}  // namespace kvern::kernels::quant
