// Names of number formats, and their form at the border.
#include <kvern/dtype.hpp>
#include <kvern/error.hpp>

#include "core/host/tensor_text.hpp"

namespace kvern {

std::string_view dtype_name(Dtype t) {
  switch (t) {
    case Dtype::f32:
      return "float32";
    case Dtype::f16:
      return "float16";
    case Dtype::bf16:
      return "bfloat16";
    case Dtype::i64:
      return "int64";
    case Dtype::i32:
      return "int32";
    case Dtype::u8:
      return "uint8";
  }
  return "unknown";
}

std::optional<Dtype> float_dtype_from_name(std::string_view name) {
  if (name == "float32" || name == "f32" || name == "fp32") return Dtype::f32;
  if (name == "float16" || name == "f16" || name == "fp16" || name == "half") return Dtype::f16;
  if (name == "bfloat16" || name == "bf16") return Dtype::bf16;
  return std::nullopt;
}

DLDataType to_dlpack(Dtype t) {
  const auto bits = static_cast<uint8_t>(8 * dtype_size(t));
  switch (t) {
    case Dtype::f32:
    case Dtype::f16:
      return {kDLFloat, bits, 1};
    case Dtype::bf16:
      return {kDLBfloat, bits, 1};
    case Dtype::u8:
      return {kDLUInt, bits, 1};
    case Dtype::i64:
    case Dtype::i32:
      break;
  }
  return {kDLInt, bits, 1};
}

Dtype from_dlpack(DLDataType t) {
  for (const Dtype known : {Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32, Dtype::u8})
    if (same_dtype(to_dlpack(known), t)) return known;
  throw Error(ErrorKind::internal, "no number format of kvern is " + dtype_text(t));
}

}  // namespace kvern
