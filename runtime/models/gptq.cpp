#include "runtime/models/gptq.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <kvern/error.hpp>
#include <numeric>

#include "devices/cpu/threads.hpp"
#include "runtime/files/shape_text.hpp"
#include "runtime/models/packed_memory.hpp"

namespace kvern::models {
namespace {

using kernels::PackedMatrix;

constexpr std::array<int, 8> kAwqOrder = {0, 4, 1, 5, 2, 6, 3, 7};  // the place of each of eight outputs

std::string base_of(const std::string &name) {
  return name.substr(0, name.size() - std::string(".weight").size());
}

bool is_awq(const WeightReader &weights) {
  return weights.quantization().method == files::QuantizationMethod::awq;
}

[[noreturn]] void refuse(const WeightReader &weights, const std::string &name, const std::string &why) {
  weights.refuse(name, why + " (quant_method '" + (is_awq(weights) ? "awq" : "gptq") + "')");
}

/// A tensor of 32-bit words, each eight codes.
struct Words {
  files::TensorView view;

  Words(const WeightReader &weights, const std::string &name, const std::vector<int64_t> &shape)
      : view(weights.raw(name)) {
    if (view.dtype != files::Dtype::i32 && view.dtype != files::Dtype::u32)
      refuse(weights, name,
             "is of type " + std::string(files::dtype_name(view.dtype)) + "; it should be I32");
    if (view.shape != shape)
      refuse(weights, name,
             "has the shape " + files::shape_text(view.shape) + "; it should be " + files::shape_text(shape));
  }
  uint32_t word(int64_t row, int64_t column) const {
    return static_cast<const uint32_t *>(view.data)[row * view.shape[1] + column];
  }
};

int code_at(uint32_t word, int place) { return static_cast<int>(word >> (4 * place) & 15u); }

/// Codes, zeros and scales by input, group and output, whichever the format.
struct FourBits {
  bool awq;
  int less_one;
  Words codes, zeros;
  Weight scales;

  FourBits(const WeightReader &weights, const std::string &base, int64_t in, int64_t out, int64_t groups)
      : awq(is_awq(weights)),
        less_one(weights.quantization().zeros_less_one ? 1 : 0),
        codes(weights, base + ".qweight", awq ? std::vector{in, out / 8} : std::vector{in / 8, out}),
        zeros(weights, base + ".qzeros", {groups, out / 8}),
        scales(weights.peek(base + ".scales", {{"groups", groups}, {"outputs", out}})) {}

  int code(int64_t input, int64_t output) const {
    if (awq) return code_at(codes.word(input, output / 8), kAwqOrder[static_cast<size_t>(output % 8)]);
    return code_at(codes.word(input / 8, output), static_cast<int>(input % 8));
  }
  /// The codes of ordered inputs 8 * eighth to 8 * eighth + 7, the first in the lowest bits.
  uint32_t eight_codes(const std::vector<int32_t> &order, int64_t eighth, int64_t output) const {
    if (!awq && order.empty()) return codes.word(eighth, output);  // as the file has them
    uint32_t word = 0;
    for (int64_t i = 0; i < 8; ++i) {
      const int64_t input = 8 * eighth + i;
      const int found = code(order.empty() ? input : order[static_cast<size_t>(input)], output);
      word |= static_cast<uint32_t>(found) << (4 * i);
    }
    return word;
  }
  int zero(int64_t group, int64_t output) const {
    const int place = static_cast<int>(output % 8);
    const int stored =
        code_at(zeros.word(group, output / 8), awq ? kAwqOrder[static_cast<size_t>(place)] : place);
    return stored + less_one;
  }
  float scale(int64_t group, int64_t output) const {
    return kernels::load_element(scales.data, scales.dtype, group * scales.shape[1] + output);
  }
};

/// Inputs ordered by their group; empty where they are so already.
std::vector<int32_t> input_order(const WeightReader &weights, const std::string &base, int64_t in,
                                 int64_t group) {
  const std::string name = base + ".g_idx";
  if (is_awq(weights) || !weights.contains(name)) return {};
  const files::TensorView view = weights.raw(name);
  if (view.dtype != files::Dtype::i32 || view.shape != std::vector<int64_t>{in})
    refuse(weights, name,
           "should be I32 of the shape " + files::shape_text({in}) + ", the group of each input");
  const auto *groups = static_cast<const int32_t *>(view.data);
  std::vector<int32_t> order(static_cast<size_t>(in));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return groups[a] < groups[b]; });
  for (int64_t i = 0; i < in; ++i) {
    if (groups[order[static_cast<size_t>(i)]] != i / group)
      refuse(weights, name,
             "should give each of " + std::to_string(in / group) + " groups " + std::to_string(group) +
                 " inputs");
  }
  return std::is_sorted(order.begin(), order.end()) ? std::vector<int32_t>() : order;
}

/// Scales and zeros of one output.
void write_groups(const FourBits &from, int64_t row, const PackedMemory &to) {
  const PackedMatrix &w = to.weight.matrix;
  for (int64_t g = 0; g < w.groups(); ++g) {
    const int64_t place = kernels::scale_index(w, row, g * w.group);
    to.target.scales[place] = kernels::f32_to_f16(from.scale(g, row));
    to.zeros[place] = static_cast<uint8_t>(from.zero(g, row));
  }
}

/// Four codes of 4 bits, each to a byte.
uint32_t spread(uint32_t codes) {
  codes = (codes | codes << 8) & 0x00ff00ffu;
  return (codes | codes << 4) & 0x0f0f0f0fu;
}

/// The codes of a panel in the order of memory, which format.hpp describes: of eight inputs of an output, four bytes, the first four
/// inputs in their low halves.
void write_codes(const FourBits &from, const std::vector<int32_t> &order, int64_t panel,
                 const PackedMemory &to) {
  const PackedMatrix &w = to.weight.matrix;
  const int64_t first = panel * kernels::kPanelRows, rows = std::min(kernels::kPanelRows, w.n - first);
  uint8_t *codes = to.target.codes + panel * w.panel_bytes();
  for (int64_t eighth = 0; eighth < w.k / 8; ++eighth, codes += 4 * kernels::kPanelRows) {
    for (int64_t r = 0; r < rows; ++r) {
      const uint32_t word = from.eight_codes(order, eighth, first + r);
      const uint32_t bytes = spread(word & 0xffffu) | spread(word >> 16) << 4;
      std::memcpy(codes + 4 * r, &bytes, sizeof bytes);
    }
  }
}

}  // namespace

bool has_four_bit_tensors(const WeightReader &weights, const std::string &name) {
  const files::QuantizationMethod method = weights.quantization().method;
  if (method != files::QuantizationMethod::gptq && method != files::QuantizationMethod::awq) return false;
  return name.ends_with(".weight") && weights.contains(base_of(name) + ".qweight");
}

PackedWeight read_four_bit_tensors(const WeightReader &weights, const std::string &name,
                                   const MatrixSource &source) {
  const std::string base = base_of(name);
  PackedMatrix shape;
  shape.n = source.out.extent, shape.k = source.in.extent;
  shape.bits = 4;
  shape.group = weights.quantization().group_size == -1 ? shape.k : weights.quantization().group_size;
  if (shape.k % 32 != 0 || shape.n % 8 != 0 || shape.k % shape.group != 0)
    refuse(weights, base + ".qweight",
           "of " + std::to_string(shape.n) + " outputs and " + std::to_string(shape.k) +
               " inputs cannot be in groups of " + std::to_string(shape.group));
  const FourBits from(weights, base, shape.k, shape.n, shape.groups());
  const std::vector<int32_t> order = input_order(weights, base, shape.k, shape.group);
  shape.levels = kernels::kEvenLevels;
  const PackedMemory to = take_packed(shape, true, !order.empty());
  std::copy(order.begin(), order.end(), to.order);
  kernels::parallel_for(parallel(), shape.panels(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) write_codes(from, order, panel, to);
    for (int64_t row = begin * kernels::kPanelRows; row < std::min(end * kernels::kPanelRows, shape.n); ++row)
      write_groups(from, row, to);
  });
  return to.weight;
}

}  // namespace kvern::models
