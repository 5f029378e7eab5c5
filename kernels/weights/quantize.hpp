// The quantizer of weight matrices: for each group of a row the scale, of 4 bits also the zero, and the codes of least squared error.
#pragma once
#include <cstdint>
#include <functional>

#include "kernels/parallel.hpp"
#include "kernels/weights/format.hpp"

namespace kvern::kernels {

/// Where a packed matrix is written; sizes as PackedMatrix says. Zeroed: rows behind the last one stay so.
struct PackedTarget {
  uint8_t *codes = nullptr;
  uint16_t *scales = nullptr;
};

/// Row `row` of the matrix to `out` [k]. Called by several threads at once.
using ReadRow = std::function<void(int64_t row, float *out)>;

/// Fills `target`, the memory of `shape` (n, k, bits, group; its pointers are not read), and returns the matrix in it; of 4 bits one
/// that has_offsets, with levels of which a sample of the rows loses least.
/// `importance` [k], nullable: what the squared error of each column counts. Elements are finite.
PackedMatrix quantize_matrix(const PackedMatrix &shape, const ReadRow &read, const float *importance,
                             const PackedTarget &target, const Parallel &parallel);

/// Writes one code: 8 bits signed, or an index of levels.
void store_code(const PackedMatrix &shape, uint8_t *codes, int64_t row, int64_t column, int code);

}  // namespace kvern::kernels
