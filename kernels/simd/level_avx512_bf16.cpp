// Kernels for AVX-512 F, BW, VL, DQ and BF16: those of AVX-512, and bf16 products; the table of processors whose GEMM is faster
// in f32; and that of AMX, which adds its GEMM.
#include "kernels/simd/gemm_amx.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c")
namespace kvern::kernels {
namespace avx512_bf16 {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx512.inl"
#include "kernels/simd/math.inl"
#include "kernels/simd/prefetch.inl"
#include "kernels/simd/dot_columns.inl"
#include "kernels/simd/dot_rows.inl"
#include "kernels/simd/sum_rows.inl"
#include "kernels/simd/softmax.inl"
#include "kernels/simd/gemm.inl"
#include "kernels/simd/gemm_bf16.inl"
#include "kernels/simd/elementwise.inl"
#include "kernels/simd/rows_bf16.inl"
#include "kernels/simd/causal_conv.inl"
#include "kernels/simd/selective_scan.inl"
#include "kernels/simd/ssd_scan.inl"
#include "kernels/simd/delta_rule.inl"
#include "kernels/simd/make_kernel_table.inl"
// clang-format on

static constexpr KernelTable make_kernel_table_bf16() {
  KernelTable ops = make_kernel_table();
  ops.pack_columns_bf16 = pack_columns_bf16;
  ops.pack_rows_bf16 = pack_rows_bf16;
  ops.gemm_panel_bf16 = gemm_panel_bf16;
  ops.dot_rows_bf16 = dot_rows_bf16;
  ops.round_pairs = round_pairs;
  ops.round_row = round_row_bf16;
  ops.sum_rows_bf16 = sum_rows_bf16;
  return ops;
}
}  // namespace avx512_bf16
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
extern constinit const KernelTable avx512_bf16_kernels = avx512_bf16::make_kernel_table_bf16();
extern constinit const KernelTable avx512_bf16_rows_kernels = [] {
  KernelTable ops = avx512_bf16::make_kernel_table_bf16();
  ops.pack_columns_bf16 = ops.pack_rows_bf16 = nullptr;
  ops.gemm_panel_bf16 = nullptr;
  return ops;
}();
extern constinit const KernelTable amx_bf16_kernels = [] {
  KernelTable ops = avx512_bf16::make_kernel_table_bf16();
  ops.gemm_panel_bf16 = gemm_panel_amx;
  return ops;
}();
}  // namespace kvern::kernels
#endif
