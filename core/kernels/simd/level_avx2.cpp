// The inner kernels for AVX2, FMA, F16C.
#include "core/kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx2,fma,f16c")
namespace kvern::kernels {
namespace avx2 {
// clang-format off: each builds on those before it
#include "core/kernels/simd/vec_avx2.inl"
#include "core/kernels/simd/math.inl"
#include "core/kernels/simd/fetch.inl"
#include "core/kernels/simd/dot_columns.inl"
#include "core/kernels/simd/dot_rows.inl"
#include "core/kernels/simd/sum_rows.inl"
#include "core/kernels/simd/softmax.inl"
#include "core/kernels/simd/gemm.inl"
#include "core/kernels/simd/elementwise.inl"
#include "core/kernels/simd/ops_table.inl"
// clang-format on
}  // namespace avx2
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
constinit const LevelOps avx2_ops = avx2::make_ops();
}  // namespace kvern::kernels
#endif
