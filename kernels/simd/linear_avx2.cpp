// Products with packed matrices for AVX2, FMA, F16C.
#include "kernels/simd/linear_kernels.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx2,fma,f16c")
namespace kvern::kernels {
namespace avx2 {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx2.inl"
#include "kernels/simd/linear_codes_avx2.inl"
#include "kernels/simd/linear.inl"
// clang-format on
}  // namespace avx2
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
extern constinit const LinearKernelTable avx2_linear_kernels = {avx2::round_row, avx2::multiply,
                                                                avx2::kCodeBias};
}  // namespace kvern::kernels
#endif
