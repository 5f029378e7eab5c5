// Sizes and descriptions of DLTensors, for checks and messages. Not part of the public headers.
#pragma once
#include <dlpack/dlpack.h>

#include <cstdint>
#include <string>

namespace kvern {

inline bool same_dtype(DLDataType a, DLDataType b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

/// "float16", "uint4", "int8x4".
std::string dtype_text(DLDataType t);

/// "[1, 2, 7, 64]"; "no shape" for a NULL shape.
std::string shape_text(const int64_t *shape, int32_t ndim);

/// "[1, 2, 7, 64] float16".
std::string tensor_text(const DLTensor &t);

/// "1.5 GiB", "300 bytes".
std::string bytes_text(int64_t bytes);

/// Bytes of a contiguous tensor of that shape and type; -1 if no memory could hold it: a negative size, a
/// type without bits, a product beyond what can be addressed.
int64_t tensor_bytes(const DLTensor &t);

}  // namespace kvern
