// The number formats of weights, keys and activations.
#pragma once
#include <kvern/abi/cache_abi.h>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kvern {

enum class Dtype : uint8_t { f32, f16, bf16, i64, i32, u8 };

constexpr size_t dtype_size(Dtype t) {
  switch (t) {
    case Dtype::i64:
      return 8;
    case Dtype::f32:
    case Dtype::i32:
      return 4;
    case Dtype::f16:
    case Dtype::bf16:
      return 2;
    case Dtype::u8:
      return 1;
  }
  return 0;
}

/// The name as transformers writes it: "float32", "float16", "bfloat16", "int64", "int32", "uint8".
std::string_view dtype_name(Dtype t);

/// From "float32"/"f32"/"fp32", "float16"/"f16"/"fp16"/"half", "bfloat16"/"bf16"; nothing for any other word.
std::optional<Dtype> float_dtype_from_name(std::string_view name);

DLDataType to_dlpack(Dtype t);
/// Throws Error(internal) for a type that kvern does not know.
Dtype from_dlpack(DLDataType t);

}  // namespace kvern
