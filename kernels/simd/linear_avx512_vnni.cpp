// Products with packed matrices for AVX-512 F, BW, VL, DQ and VNNI.
#include "kernels/simd/linear_kernels.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
#define KVERN_LINEAR_VNNI 1
#define KVERN_LINEAR_VBMI 0
KVERN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")
namespace kvern::kernels {
namespace avx512_vnni {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx512.inl"
#include "kernels/simd/linear_codes_avx512.inl"
#include "kernels/simd/linear.inl"
// clang-format on
}  // namespace avx512_vnni
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
extern constinit const LinearKernelTable avx512_vnni_linear_kernels = {
    avx512_vnni::round_row, avx512_vnni::multiply, avx512_vnni::kCodeBias};
}  // namespace kvern::kernels
#endif
