#include "runtime/models/packed_reader.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <kvern/error.hpp>

#include "devices/cpu/threads.hpp"
#include "kernels/elementwise.hpp"
#include "runtime/files/shape_text.hpp"
#include "runtime/models/gptq.hpp"
#include "runtime/models/packed_memory.hpp"

namespace kvern::models {
namespace {

using kernels::PackedMatrix;

int64_t rows_of(const MatrixSource &source) { return std::max<int64_t>(source.count, 1) * source.out.extent; }

bool is_transposed(const MatrixSource &source) { return source.layout == kernels::WeightLayout::k_n; }

/// Whole blocks of inputs and, of a stack, whole panels of each matrix.
bool is_packable(const MatrixSource &source) {
  return source.in.extent % kernels::kBlockInputs == 0 &&
         (source.count == 0 || source.out.extent % kernels::kPanelRows == 0);
}

std::vector<Axis> axes_of(const MatrixSource &source) {
  std::vector<Axis> axes{source.out, source.in};
  if (is_transposed(source)) std::swap(axes[0], axes[1]);
  if (source.count != 0) axes.insert(axes.begin(), {"count", source.count});
  return axes;
}

/// The tensor of a packed matrix, of this type and shape.
files::TensorView part(const WeightReader &weights, const std::string &name, files::Dtype dtype,
                       const std::vector<int64_t> &shape) {
  const files::TensorView view = weights.raw(name);
  if (view.dtype != dtype)
    weights.refuse(name, "is of type " + std::string(files::dtype_name(view.dtype)) + "; it should be " +
                             std::string(files::dtype_name(dtype)));
  if (view.shape != shape)
    weights.refuse(name, "has the shape " + files::shape_text(view.shape) + ", but config.json asks for " +
                             files::shape_text(shape));
  return view;
}

files::Dtype scale_type(const PackedMatrix &w) {
  return w.has_offsets ? files::Dtype::u16 : files::Dtype::f16;
}

void read_levels(const WeightReader &weights, const std::string &name, PackedMatrix &to) {
  const files::TensorView view = part(weights, name + ".levels", files::Dtype::u8, {17});
  const auto *levels = static_cast<const uint8_t *>(view.data);
  if (!std::is_sorted(levels, levels + 16) || levels[15] > kernels::kMaxLevel ||
      levels[16] > kernels::kMaxLevel)
    weights.refuse(name + ".levels", "should be 16 ascending levels and a zero, each at most 63");
  std::copy_n(levels, 16, to.levels.begin());
  to.zero = levels[16];
}

/// Where it is mapped. Bits and group follow from the sizes.
PackedWeight map_packed(const WeightReader &weights, const std::string &name, const MatrixSource &source) {
  PackedMatrix w;
  w.n = rows_of(source), w.k = source.in.extent;
  if (!is_packable(source))
    weights.refuse(name + ".codes", "holds matrices of " + std::to_string(source.out.extent) + " x " +
                                        std::to_string(w.k) + ", which cannot be packed");
  const std::vector<int64_t> codes = weights.raw(name + ".codes").shape,
                             scales = weights.raw(name + ".scales").shape;
  w.bits = codes.size() == 2 && codes[1] == w.k * kernels::kPanelRows / 2 ? 4 : 8;
  const int64_t groups = scales.size() == 3 ? scales[1] : 0;
  if (groups < 1 || w.k % groups != 0 || w.k / groups % kernels::kBlockInputs != 0)
    weights.refuse(name + ".scales", "has the shape " + files::shape_text(scales) +
                                         "; its second extent should divide " + source.in.name + " (" +
                                         std::to_string(w.k) + ") into multiples of 32");
  w.group = w.k / groups;
  const files::TensorView code_view =
      part(weights, name + ".codes", files::Dtype::u8, {w.panels(), w.panel_bytes()});
  w.has_offsets = w.bits == 4 && weights.raw(name + ".scales").dtype == files::Dtype::u16;
  const files::TensorView scale_view =
      part(weights, name + ".scales", scale_type(w), {w.panels(), groups, kernels::kPanelRows});
  if (w.bits == 4) read_levels(weights, name, w);
  w.codes = static_cast<const uint8_t *>(code_view.data);
  w.scales = static_cast<const uint16_t *>(scale_view.data);
  using Owners = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
  return {w, std::make_shared<const Owners>(code_view.owner, scale_view.owner)};
}

/// Rows of [out, in], or of [in, out] transposed, of several matrices one after the other.
kernels::ReadRow row_reader(const Weight &weight, const MatrixSource &source) {
  const int64_t k = source.in.extent, n = source.out.extent;
  if (!is_transposed(source)) {
    return [weight, k](int64_t row, float *out) {
      kernels::ConvertCall call;
      call.rows = 1;
      call.dim = call.from_stride = call.to_stride = k;
      call.from = kernels::element_at(weight.data, weight.dtype, row * k);
      call.from_type = weight.dtype;
      call.to = out;
      kernels::convert(call, kernels::serial());
    };
  }
  return [weight, k, n](int64_t row, float *out) {
    const int64_t first = row / n * n * k + row % n;
    for (int64_t i = 0; i < k; ++i) out[i] = kernels::load_element(weight.data, weight.dtype, first + i * n);
  };
}

bool is_finite(const float *row, int64_t n) {
  return std::all_of(row, row + n, [](float x) { return std::isfinite(x); });
}

/// 0: as the folder has it.
int bits_of(const Packing &packing, MatrixPart part) {
  if (part == MatrixPart::layer) return packing.bits;
  if (part == MatrixPart::embedding) return packing.embedding_bits == 16 ? 0 : packing.embedding_bits;
  if (packing.head_bits != 0) return packing.head_bits == 16 ? 0 : packing.head_bits;
  return packing.bits == 0 ? 0 : 8;
}

int64_t group_of(const WeightReader &weights, const std::string &name, const MatrixSource &source) {
  const int64_t group = weights.packing().group_size;
  if (group == 0) return kernels::kBlockInputs;
  if (source.in.extent % group != 0)
    weights.refuse(name, "has " + std::to_string(source.in.extent) + " inputs (" + source.in.name +
                             "), which weights.group_size = " + std::to_string(group) + " does not divide");
  return group;
}

/// Of the columns; NULL where nothing is known.
const float *importance_of(const Packing &packing, const std::string &name, int64_t k) {
  if (packing.importance == nullptr) return nullptr;
  const auto found = packing.importance->find(name);
  return found == packing.importance->end() || static_cast<int64_t>(found->second.size()) != k
             ? nullptr
             : found->second.data();
}

PackedWeight quantize(const WeightReader &weights, const std::string &name, const MatrixSource &source,
                      int bits) {
  PackedMatrix shape;
  shape.n = rows_of(source), shape.k = source.in.extent;
  shape.bits = bits;
  shape.group = group_of(weights, name, source);
  const kernels::ReadRow read = row_reader(weights.peek(name, axes_of(source)), source);
  std::atomic<bool> finite{true};
  const kernels::ReadRow checked = [&](int64_t row, float *out) {
    read(row, out);
    if (is_finite(out, shape.k)) return;
    finite = false;
    std::fill_n(out, shape.k, 0.0f);
  };
  PackedMemory memory = take_packed(shape, false, false);
  memory.weight.matrix = kernels::quantize_matrix(
      shape, checked, importance_of(weights.packing(), name, shape.k), memory.target, parallel());
  if (!finite) weights.refuse(name, "has elements that are not finite; it cannot be packed");
  return memory.weight;
}

}  // namespace

PackedWeight read_packed(WeightReader &weights, const std::string &name, const MatrixSource &source) {
  if (weights.has_packed(name)) return weights.keep_packed(name, map_packed(weights, name, source));
  if (has_four_bit_tensors(weights, name))
    return weights.keep_packed(name, read_four_bit_tensors(weights, name, source));
  const int bits = bits_of(weights.packing(), source.part);
  if (bits == 0 || !is_packable(source)) return {};
  return weights.keep_packed(name, quantize(weights, name, source, bits));
}

PackedMatrix packed_rows(const PackedMatrix &matrix, int64_t first, int64_t n) {
  PackedMatrix rows = matrix;
  const int64_t panel = first / kernels::kPanelRows, scale = panel * matrix.groups() * kernels::kPanelRows;
  rows.n = n;
  rows.codes += panel * matrix.panel_bytes();
  rows.scales += scale;
  if (rows.zeros) rows.zeros += scale;
  return rows;
}

std::map<std::string, files::TensorView> packed_tensors(const PackedWeight &packed) {
  const PackedMatrix &w = packed.matrix;
  const auto view = [&](files::Dtype dtype, std::vector<int64_t> shape, const void *data, int64_t bytes,
                        std::shared_ptr<const void> owner) {
    return files::TensorView{dtype, std::move(shape), data, static_cast<size_t>(bytes), std::move(owner)};
  };
  std::map<std::string, files::TensorView> tensors;
  tensors[".codes"] =
      view(files::Dtype::u8, {w.panels(), w.panel_bytes()}, w.codes, w.code_bytes(), packed.owner);
  tensors[".scales"] = view(scale_type(w), {w.panels(), w.groups(), kernels::kPanelRows}, w.scales,
                            2 * w.scale_count(), packed.owner);
  if (w.bits == 8) return tensors;
  auto levels = std::make_shared<std::vector<uint8_t>>(w.levels.begin(), w.levels.end());
  levels->push_back(w.zero);
  tensors[".levels"] = view(files::Dtype::u8, {17}, levels->data(), 17, levels);
  return tensors;
}

}  // namespace kvern::models
