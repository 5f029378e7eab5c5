// Reference implementations of quantize.cpp and dequantize.cpp, one element at a time.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/quant/element.hpp"
#include "kernels/quant/hadamard.hpp"
#include "kernels/quant/quantize.hpp"

namespace kvern::kernels::quant {
namespace {

constexpr float kLargest = 65504.0f;  // the largest finite f16

float to_f16(float x) { return f16_to_f32(f32_to_f16(std::clamp(x, -kLargest, kLargest))); }

/// Replaces NaN by 0 and clamps to the range that f16 scale and zero can represent.
float clean(float x) { return std::isnan(x) ? 0.0f : std::clamp(x, -2 * kLargest, 2 * kLargest); }

/// The elements to be quantized: clean, and Hadamard-rotated if the format says so. [tokens, dim]
std::vector<float> take_rows(const TensorFormat &tensor, const HeadView &x, int64_t tokens) {
  std::vector<float> out(static_cast<size_t>(tokens * tensor.dim));
  for (int64_t token = 0; token < tokens; ++token) {
    float *row = out.data() + token * tensor.dim;
    for (int64_t i = 0; i < tensor.dim; ++i)
      row[i] = clean(load_element(x.data, x.type, token * x.stride + i));
    if (tensor.rotate) rotate(row, tensor.dim);
  }
  return out;
}

struct Fit {
  float scale, zero, zero_low;
};

/// The minimum gets the first level, the maximum the last; -127 is the first level used with 8 bits.
Fit fit_range(float low, float high, int bits) {
  const float middle = 0.5f * low + 0.5f * high;
  Fit fit;
  fit.zero = to_f16(middle);
  const float rest = middle - fit.zero;
  fit.zero_low = bits == 8 ? to_f16(rest) : 0.0f;
  fit.scale = to_f16(0.5f * high - 0.5f * low);
  if (fit.scale == 0.0f && bits != 8)
    fit.scale = to_f16(std::abs(rest));  // a constant that f16 cannot represent
  return fit;
}

/// Nearest level, ties to the lower one; at 8 bits to even.
int encode(float x, const Fit &fit, int bits) {
  const float inverse = fit.scale == 0.0f ? 0.0f : 127.0f / fit.scale;
  const float y = (x - (fit.zero + fit.zero_low)) * inverse;
  if (bits == 8) return static_cast<int>(std::nearbyint(std::clamp(y, -128.0f, 127.0f))) + 128;
  const int8_t *level = levels(bits);
  int code = 0;
  while (code + 1 < 1 << bits && y > 0.5f * static_cast<float>(level[code] + level[code + 1])) ++code;
  return code;
}

struct Extent {
  int64_t first_token, tokens, first_channel, channels;
};

void quantize_group(const BlockFormat &format, bool keys, const std::vector<float> &x, const Extent &extent,
                    std::byte *block) {
  const TensorFormat &tensor = format_of(format, keys);
  const TensorLayout &layout = layout_of(format, keys);
  auto each = [&](auto &&f) {
    for (int64_t t = extent.first_token; t < extent.first_token + extent.tokens; ++t) {
      for (int64_t c = extent.first_channel; c < extent.first_channel + extent.channels; ++c) {
        f(t, c, x[static_cast<size_t>(t * tensor.dim + c)]);
      }
    }
  };
  float low = INFINITY, high = -INFINITY;
  each([&](int64_t, int64_t, float number) { low = std::min(low, number), high = std::max(high, number); });
  const Fit fit = fit_range(low, high, tensor.bits);
  const int64_t index = scale_index(format, keys, extent.first_token, extent.first_channel);
  store_element(block + layout.scales, Dtype::f16, index, fit.scale);
  store_element(block + layout.zeros, Dtype::f16, index, fit.zero);
  if (layout.zeros_low >= 0) store_element(block + layout.zeros_low, Dtype::f16, index, fit.zero_low);
  each([&](int64_t token, int64_t channel, float number) {
    set_code(format, keys, block, token, channel, encode(number, fit, tensor.bits));
  });
}

void clear(const BlockFormat &format, bool keys, std::byte *block) {
  const int64_t begin = keys ? format.key_layout.codes : format.value_layout.codes;
  const int64_t end = keys ? format.value_layout.codes : format.bytes;
  std::memset(block + begin, 0, static_cast<size_t>(end - begin));
}

}  // namespace

void quantize_reference(const BlockFormat &format, bool keys, const HeadView &x, int64_t tokens,
                        std::byte *block) {
  const TensorFormat &tensor = format_of(format, keys);
  const bool by_token = tensor.axis == Axis::token;
  const int64_t token_step = by_token ? 1 : tensor.group, channel_step = by_token ? tensor.group : 1;
  const std::vector<float> elements = take_rows(tensor, x, tokens);
  clear(format, keys, block);
  for (int64_t t = 0; t < tokens; t += token_step) {
    for (int64_t c = 0; c < tensor.dim; c += channel_step) {
      const Extent extent = {t, std::min(token_step, tokens - t), c, std::min(channel_step, tensor.dim - c)};
      quantize_group(format, keys, elements, extent, block);
    }
  }
}

void dequantize_reference(const BlockFormat &format, bool keys, const std::byte *block, int64_t first,
                          int64_t n, bool unrotated, void *out, Dtype type, int64_t stride) {
  const TensorFormat &tensor = format_of(format, keys);
  std::vector<float> row(static_cast<size_t>(tensor.dim));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t c = 0; c < tensor.dim; ++c) {
      row[static_cast<size_t>(c)] = value_at(format, keys, block, first + i, c);
    }
    if (tensor.rotate && unrotated) rotate(row.data(), tensor.dim);
    for (int64_t c = 0; c < tensor.dim; ++c) {
      float number = row[static_cast<size_t>(c)];
      if (type == Dtype::f16) number = std::clamp(number, -kLargest, kLargest);
      store_element(out, type, i * stride + c, number);
    }
  }
}

}  // namespace kvern::kernels::quant
