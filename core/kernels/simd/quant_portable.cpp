// The quantizer's inner loops for every processor.
#include <type_traits>

#include "core/kernels/quant/hadamard.hpp"
#include "core/kernels/quant/quant_ops.hpp"
#include "core/kernels/simd/target.hpp"

namespace kvern::kernels::quant {
namespace portable {
// clang-format off: each builds on those before it
#include "core/kernels/simd/vec_portable.inl"
#include "core/kernels/simd/codes_portable.inl"
#include "core/kernels/simd/quantize.inl"
#include "core/kernels/simd/unpack.inl"
#include "core/kernels/simd/hadamard.inl"
// clang-format on
}  // namespace portable
constinit const QuantOps portable_quant_ops = {portable::kWidth, portable::fit, portable::unpack,
                                               portable::rotate_rows, portable::clean};
}  // namespace kvern::kernels::quant
