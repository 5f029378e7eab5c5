#include "kernels/quant/format.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernels/round_up.hpp"

namespace kvern::kernels::quant {
namespace {

constexpr int64_t kMinTokens = 64;

void check(const TensorFormat &format, const char *what) {
  auto refuse = [what](const std::string &why) {
    throw std::invalid_argument(std::string("quantized ") + what + ": " + why);
  };
  const bool bits = format.bits == 8 || (format.bits >= 1 && format.bits <= 4);
  if (!bits) refuse(std::to_string(format.bits) + " bits; there are 8, 4, 3, 2 and 1");
  const bool group = format.group >= 16 && format.group <= 256 && (format.group & (format.group - 1)) == 0;
  if (!group) refuse("groups of " + std::to_string(format.group) + "; there are 16, 32, 64, 128 and 256");
  if (format.dim < 1) refuse("a head of " + std::to_string(format.dim) + " elements");
}

int64_t code_bytes(int bits, int64_t units) { return units * 8 * bits; }

/// Lays a tensor out behind `at`, which becomes its end.
TensorLayout lay_out(const TensorFormat &format, int64_t tokens, int64_t padding, int64_t &at) {
  const bool by_token = format.axis == Axis::token;
  TensorLayout out;
  out.dim_padded = round_up(format.dim, padding);
  out.units = tokens * out.dim_padded / 64;
  out.groups = by_token ? (format.dim + format.group - 1) / format.group : tokens / format.group;
  out.group_stride = by_token ? tokens : out.dim_padded;
  auto take = [&at](int64_t bytes) {
    const int64_t offset = at;
    at = round_up(at + bytes, 64);
    return offset;
  };
  const int64_t meta = out.groups * out.group_stride * 2;
  out.codes = take(code_bytes(format.bits, out.units));
  out.scales = take(meta);
  out.zeros = take(meta);
  out.zeros_low = format.bits == 8 ? take(meta) : -1;
  return out;
}

int64_t tokens_of(const TensorFormat &format) {
  return format.axis == Axis::channel ? std::max(kMinTokens, format.group) : kMinTokens;
}

}  // namespace

BlockFormat::BlockFormat(const TensorFormat &k, const TensorFormat &v)
    : key(k), value(v), tokens(std::max(tokens_of(k), tokens_of(v))) {
  check(key, "keys");
  check(value, "values");
  key_layout = lay_out(key, tokens, 8, bytes);
  value_layout = lay_out(value, tokens, 16, bytes);
}

BlockFormat::BlockFormat(const TensorFormat &k, int64_t dim_v)
    : key(k), value(k), values_in_keys(true), tokens(tokens_of(k)) {
  check(key, "keys");
  value.dim = dim_v;
  if (dim_v < 1 || dim_v > key.dim)
    throw std::invalid_argument("quantized keys of " + std::to_string(key.dim) +
                                " elements cannot hold values of " + std::to_string(dim_v));
  key_layout = lay_out(key, tokens, 8, bytes);
  value_layout.codes = bytes;
}

}  // namespace kvern::kernels::quant
