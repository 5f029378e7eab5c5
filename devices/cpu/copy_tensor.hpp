// Copy between tensors in host memory, of different strides and float dtypes.
#pragma once
#include <dlpack/dlpack.h>

namespace kvern {

/// Copies all elements; shapes must be equal, strides may be any (NULL: contiguous). dtypes are equal, or both float32, float16
/// or bfloat16 (rounded to nearest, ties to even). The tensors must not overlap. Throws std::invalid_argument for anything else.
void copy_tensor(const DLTensor &from, const DLTensor &to);

}  // namespace kvern
