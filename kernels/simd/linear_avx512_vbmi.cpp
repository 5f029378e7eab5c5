// Products with packed matrices for AVX-512 F, BW, VL, DQ, VNNI and VBMI.
#include "kernels/simd/linear_kernels.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
#define KVERN_LINEAR_VNNI 1
#define KVERN_LINEAR_VBMI 1
KVERN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx2,fma,f16c")
namespace kvern::kernels {
namespace avx512_vbmi {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx512.inl"
#include "kernels/simd/linear_codes_avx512.inl"
#include "kernels/simd/linear.inl"
// clang-format on
}  // namespace avx512_vbmi
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
extern constinit const LinearKernelTable avx512_vbmi_linear_kernels = {
    avx512_vbmi::round_row, avx512_vbmi::multiply, avx512_vbmi::kCodeBias};
}  // namespace kvern::kernels
#endif
