#include "kernels/weights/format.hpp"

namespace kvern::kernels {

CodeOffset code_offset(const PackedMatrix &w, int64_t row, int64_t column) {
  const int64_t block = column / kBlockInputs, input = column % kBlockInputs, quad = input / 4;
  const int64_t vector = w.bits == 8 ? quad : quad / 2;
  const int64_t byte = row / kPanelRows * w.panel_bytes() + block * kBlockInputs * kPanelRows * w.bits / 8 +
                       vector * 64 + row % kPanelRows * 4 + input % 4;
  return {byte, w.bits == 4 && quad % 2 == 1};
}

void dequantize_row(const PackedMatrix &w, int64_t row, float *out) {
  for (int64_t column = 0; column < w.k; ++column) {
    const CodeOffset at = code_offset(w, row, column);
    const uint8_t byte = w.codes[at.byte];
    const int64_t place = scale_index(w, row, column);
    int level = static_cast<int8_t>(byte);
    if (w.bits == 4) level = w.levels[at.high ? byte >> 4 : byte & 15] - group_zero(w, place);
    out[w.order ? w.order[column] : column] = group_scale(w, place) * static_cast<float>(level);
  }
}

}  // namespace kvern::kernels
