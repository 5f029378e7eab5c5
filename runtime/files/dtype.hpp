// The element types that a safetensors file can name, with the names that safetensors and transformers give
// them.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kvern::files {

enum class Dtype { boolean, u8, i8, f8_e5m2, f8_e4m3, i16, u16, f16, bf16, i32, u32, f32, f64, i64, u64 };

/// Bytes of one element.
size_t item_size(Dtype dtype);

/// The name in a safetensors header: "F32", "BF16", ...
std::string_view dtype_name(Dtype dtype);

/// The type of that name, or nothing. Names are upper case.
std::optional<Dtype> dtype_from_name(std::string_view name);

/// The type that transformers calls "float32", "bfloat16", ... (as in `torch_dtype`), or nothing.
std::optional<Dtype> dtype_from_torch_name(std::string_view name);

/// All names of a safetensors header, comma separated, for messages.
std::string dtype_names();

}  // namespace kvern::files
