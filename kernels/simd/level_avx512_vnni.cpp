// Packed kernels for AVX-512 F, BW, VL, DQ and VNNI.
#include "kernels/simd/packed_kernels.hpp"
#include "kernels/simd/target.hpp"

#if defined(__x86_64__)
KVERN_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")
namespace kvern::kernels {
namespace avx512_vnni {
/// The entry of a table of 16 bytes, four times over, at the low 4 bits of each byte; the other bits must be 0.
constexpr bool kAnyBits = false;
KVERN_INLINE __m512i look_up(__m512i table, __m512i index) { return _mm512_shuffle_epi8(table, index); }
// clang-format off: each builds on those before it
#include "kernels/simd/vec_avx512.inl"
#include "kernels/simd/packed_meta.inl"
#include "kernels/simd/packed_unpack.inl"
#include "kernels/simd/packed_keys.inl"
#include "kernels/simd/packed_values.inl"
// clang-format on
}  // namespace avx512_vnni
}  // namespace kvern::kernels
KVERN_TARGET_END

namespace kvern::kernels {
extern constinit const PackedKernelTable avx512_vnni_packed_kernels = {
    avx512_vnni::round_queries, avx512_vnni::key_logits, avx512_vnni::sum_values};
}  // namespace kvern::kernels
#endif
