// Packed kernels for AVX2, FMA, F16C: byte products and additions in place of the dot products of AVX-512
// VNNI.
#include "kernels/simd/packed_kernels.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx2,fma,f16c")
namespace kvern::kernels {
namespace avx2 {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx2.inl"
#include "kernels/simd/packed_meta.inl"
#include "kernels/simd/packed_avx2_unpack.inl"
#include "kernels/simd/packed_avx2_keys.inl"
#include "kernels/simd/packed_avx2_values.inl"
// clang-format on
}  // namespace avx2
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
extern constinit const PackedKernelTable avx2_packed_kernels = {avx2::round_queries, avx2::key_logits,
                                                                avx2::sum_values};
}  // namespace kvern::kernels
#endif
