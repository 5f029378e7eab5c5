// The one kernel that the level amx_bf16 has for itself; a table can name it without its file's instructions.
#pragma once
#include "kernels/simd/level_ops.hpp"

namespace kvern::kernels {

/// LevelOps::gemm_panel_bf16 by tiles. Only after request_tiles() was true.
void gemm_panel_amx(FloatRows a, int64_t k_pairs, const float *panel, float *c, int64_t c_stride,
                    bool accumulate);

}  // namespace kvern::kernels
