// The quantizer's inner loops for AVX-512 F, BW, VL, DQ.
#include <type_traits>

#include "kernels/quant/hadamard.hpp"
#include "kernels/quant/quant_kernels.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
namespace kvern::kernels::quant {
namespace avx512 {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx512.inl"
#include "kernels/simd/codes_avx512.inl"
#include "kernels/simd/quantize.inl"
#include "kernels/simd/unpack.inl"
#include "kernels/simd/hadamard.inl"
// clang-format on
}  // namespace avx512
}  // namespace kvern::kernels::quant
KVERN_TARGET_END

namespace kvern::kernels::quant {
extern constinit const QuantKernelTable avx512_quant_kernels = {avx512::kWidth, avx512::fit, avx512::unpack,
                                                                avx512::rotate_rows, avx512::clean};
}  // namespace kvern::kernels::quant
#endif
