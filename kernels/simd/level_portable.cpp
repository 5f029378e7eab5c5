// Portable kernels, for every processor.
#include "kernels/simd/target.hpp"

namespace kvern::kernels {
namespace portable {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_portable.inl"
#include "kernels/simd/math.inl"
#include "kernels/simd/prefetch.inl"
#include "kernels/simd/dot_columns.inl"
#include "kernels/simd/dot_rows.inl"
#include "kernels/simd/sum_rows.inl"
#include "kernels/simd/softmax.inl"
#include "kernels/simd/gemm.inl"
#include "kernels/simd/elementwise.inl"
#include "kernels/simd/causal_conv.inl"
#include "kernels/simd/selective_scan.inl"
#include "kernels/simd/ssd_scan.inl"
#include "kernels/simd/delta_rule.inl"
#include "kernels/simd/make_kernel_table.inl"
// clang-format on
}  // namespace portable
extern constinit const KernelTable portable_kernels = portable::make_kernel_table();
}  // namespace kvern::kernels
