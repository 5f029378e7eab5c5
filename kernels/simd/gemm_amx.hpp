// The GEMM of the capability amx_bf16, declared so that its table can be built in a file compiled for other
// instructions.
#pragma once
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {

/// The kernels of avx512_bf16 (level_avx512_bf16.cpp).
extern const KernelTable avx512_bf16_kernels;

/// KernelTable::gemm_panel_bf16 by tiles. Only after request_tiles() was true.
void gemm_panel_amx(FloatRows a, int64_t k_pairs, const float *panel, float *c, int64_t c_stride,
                    bool accumulate);

}  // namespace kvern::kernels
