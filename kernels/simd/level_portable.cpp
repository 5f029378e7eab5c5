// The inner kernels for every processor.
#include "kernels/simd/target.hpp"

namespace kvern::kernels {
namespace portable {
// clang-format off: each builds on those before it
#include "kernels/simd/vec_portable.inl"
#include "kernels/simd/math.inl"
#include "kernels/simd/fetch.inl"
#include "kernels/simd/dot_columns.inl"
#include "kernels/simd/dot_rows.inl"
#include "kernels/simd/sum_rows.inl"
#include "kernels/simd/softmax.inl"
#include "kernels/simd/gemm.inl"
#include "kernels/simd/elementwise.inl"
#include "kernels/simd/ops_table.inl"
// clang-format on
}  // namespace portable
constinit const LevelOps portable_ops = portable::make_ops();
}  // namespace kvern::kernels
