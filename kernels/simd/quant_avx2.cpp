// The quantizer's inner loops for AVX2, FMA, F16C.
#include <type_traits>

#include "kernels/quant/hadamard.hpp"
#include "kernels/quant/quant_kernels.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx2,fma,f16c")
namespace kvern::kernels::quant {
namespace avx2 {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx2.inl"
#include "kernels/simd/codes_avx2.inl"
#include "kernels/simd/quantize.inl"
#include "kernels/simd/unpack.inl"
#include "kernels/simd/hadamard.inl"
// clang-format on
}  // namespace avx2
}  // namespace kvern::kernels::quant
KVERN_TARGET_END

namespace kvern::kernels::quant {
extern constinit const QuantKernelTable avx2_quant_kernels = {avx2::kWidth, avx2::fit, avx2::unpack,
                                                              avx2::rotate_rows, avx2::clean};
}  // namespace kvern::kernels::quant
#endif
