// Products with packed matrices for AVX-512 F, BW, VL, DQ.
#include "kernels/simd/linear_kernels.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
#define KVERN_LINEAR_VNNI 0
#define KVERN_LINEAR_VBMI 0
KVERN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
namespace kvern::kernels {
namespace avx512 {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx512.inl"
#include "kernels/simd/linear_codes_avx512.inl"
#include "kernels/simd/linear.inl"
// clang-format on
}  // namespace avx512
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
extern constinit const LinearKernelTable avx512_linear_kernels = {avx512::round_row, avx512::multiply,
                                                                  avx512::kCodeBias};
}  // namespace kvern::kernels
#endif
