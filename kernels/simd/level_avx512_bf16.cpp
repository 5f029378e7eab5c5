// The inner kernels for AVX-512 F, BW, VL, DQ and BF16: those of AVX-512, and products in bf16;
// and the same with the matrix product of AMX.
#include "kernels/simd/gemm_amx.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c")
namespace kvern::kernels {
namespace avx512_bf16 {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx512.inl"
#include "kernels/simd/math.inl"
#include "kernels/simd/fetch.inl"
#include "kernels/simd/dot_columns.inl"
#include "kernels/simd/dot_rows.inl"
#include "kernels/simd/sum_rows.inl"
#include "kernels/simd/softmax.inl"
#include "kernels/simd/gemm.inl"
#include "kernels/simd/gemm_bf16.inl"
#include "kernels/simd/rows_bf16.inl"
#include "kernels/simd/elementwise.inl"
#include "kernels/simd/ops_table.inl"
// clang-format on

static constexpr LevelOps make_ops_bf16() {
  LevelOps ops = make_ops();
  ops.pack_columns_bf16 = pack_columns_bf16;
  ops.pack_rows_bf16 = pack_rows_bf16;
  ops.gemm_panel_bf16 = gemm_panel_bf16;
  ops.dot_rows_bf16 = dot_rows_bf16;
  ops.pair_weights = pair_weights;
  ops.sum_rows_bf16 = sum_rows_bf16;
  return ops;
}
}  // namespace avx512_bf16
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
constinit const LevelOps avx512_bf16_ops = avx512_bf16::make_ops_bf16();
constinit const LevelOps amx_bf16_ops = [] {
  LevelOps ops = avx512_bf16::make_ops_bf16();
  ops.gemm_panel_bf16 = gemm_panel_amx;
  return ops;
}();
}  // namespace kvern::kernels
#endif
