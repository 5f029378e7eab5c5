// Kernels for AVX2, FMA, F16C.
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx2,fma,f16c")
namespace kvern::kernels {
namespace avx2 {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx2.inl"
#include "kernels/simd/math.inl"
#include "kernels/simd/prefetch.inl"
#include "kernels/simd/dot_columns.inl"
#include "kernels/simd/dot_rows.inl"
#include "kernels/simd/sum_rows.inl"
#include "kernels/simd/softmax.inl"
#include "kernels/simd/gemm.inl"
#include "kernels/simd/elementwise.inl"
#include "kernels/simd/causal_conv.inl"
#include "kernels/simd/selective_scan.inl"
#include "kernels/simd/ssd_scan.inl"
#include "kernels/simd/delta_rule.inl"
#include "kernels/simd/make_kernel_table.inl"
// clang-format on
}  // namespace avx2
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
extern constinit const KernelTable avx2_kernels = avx2::make_kernel_table();
}  // namespace kvern::kernels
#endif
