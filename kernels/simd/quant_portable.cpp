// The quantizer's inner loops for every processor.
#include <type_traits>

#include "kernels/quant/hadamard.hpp"
#include "kernels/quant/quant_kernels.hpp"
#include "kernels/simd/target.hpp"

namespace kvern::kernels::quant {
namespace portable {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_portable.inl"
#include "kernels/simd/codes_portable.inl"
#include "kernels/simd/quantize.inl"
#include "kernels/simd/unpack.inl"
#include "kernels/simd/hadamard.inl"
// clang-format on
}  // namespace portable
extern constinit const QuantKernelTable portable_quant_kernels = {
    portable::kWidth, portable::fit, portable::unpack, portable::rotate_rows, portable::clean};
}  // namespace kvern::kernels::quant
