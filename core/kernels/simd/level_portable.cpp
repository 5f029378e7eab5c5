// The inner kernels for every processor.
#include "core/kernels/simd/target.hpp"

namespace kvern::kernels {
namespace portable {
// clang-format off: each builds on those before it
#include "core/kernels/simd/vec_portable.inl"
#include "core/kernels/simd/math.inl"
#include "core/kernels/simd/fetch.inl"
#include "core/kernels/simd/dot_columns.inl"
#include "core/kernels/simd/dot_rows.inl"
#include "core/kernels/simd/sum_rows.inl"
#include "core/kernels/simd/softmax.inl"
#include "core/kernels/simd/gemm.inl"
#include "core/kernels/simd/elementwise.inl"
#include "core/kernels/simd/ops_table.inl"
// clang-format on
}  // namespace portable
constinit const LevelOps portable_ops = portable::make_ops();
}  // namespace kvern::kernels
