// Matrices of 8 and 4 bits: mapped from a folder that kvern has quantized, repacked from GPTQ or AWQ, or quantized on load.
//
// A tensor NAME is packed in a file as NAME.codes (U8 [panels, bytes of a panel]), NAME.scales ([panels, groups, 16]) and, of 4 bits,
// NAME.levels (U8 [17]: 16 levels and the zero), as kernels/weights/format.hpp describes them. Scales are F16 or, of 4 bits, U16: each
// with a zero. Files of 4 bits with F16 scales, whose zero is that of NAME.levels, were written by kvern before.
#pragma once
#include <string>

#include "runtime/models/weight_reader.hpp"

namespace kvern::models {

/// Which of the options of Packing says its bits.
enum class MatrixPart { layer, head, embedding };

/// How the file holds the matrix, as [out, in] or, with k_n, [in, out]; `count` such matrices in one tensor if it is not 0.
struct MatrixSource {
  Axis out, in;
  kernels::WeightLayout layout = kernels::WeightLayout::n_k;
  int64_t count = 0;
  MatrixPart part = MatrixPart::layer;
};

/// The matrix of tensor `name`, [count * out, in]; empty where it stays as it is: without Packing, or where the inputs are no
/// multiple of 32 (of several matrices in one tensor also: the outputs of 16). Throws Error(model): a group that does not divide the
/// inputs, weights that are not finite, packed tensors of other types or shapes than config.json asks for, a queue that is not the
/// host's.
PackedWeight read_packed(WeightReader &weights, const std::string &name, const MatrixSource &source);

/// Rows [first, first + n) of a packed matrix; both are multiples of 16, or n ends the matrix.
kernels::PackedMatrix packed_rows(const kernels::PackedMatrix &matrix, int64_t first, int64_t n);

/// The tensors that hold a packed matrix in a file, by what follows its name.
std::map<std::string, files::TensorView> packed_tensors(const PackedWeight &packed);

}  // namespace kvern::models
