// Sizes and descriptions of DLTensors.
#include "core/host/tensor_text.hpp"

#include <array>
#include <cstdio>

namespace kvern {

constexpr int32_t kMaxDims = 32;

std::string dtype_text(DLDataType t) {
  std::string text;
  switch (t.code) {
    case kDLInt:
      text = "int";
      break;
    case kDLUInt:
      text = "uint";
      break;
    case kDLFloat:
      text = "float";
      break;
    case kDLBfloat:
      text = "bfloat";
      break;
    default:
      text = "type" + std::to_string(t.code) + "_";
  }
  text += std::to_string(t.bits);
  if (t.lanes != 1) text.append(1, 'x').append(std::to_string(t.lanes));
  return text;
}

std::string shape_text(const int64_t *shape, int32_t ndim) {
  if (ndim < 0 || ndim > kMaxDims) return std::to_string(ndim) + " dimensions";
  if (ndim > 0 && !shape) return "no shape";
  std::string text = "[";
  for (int32_t i = 0; i < ndim; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string tensor_text(const DLTensor &t) { return shape_text(t.shape, t.ndim) + " " + dtype_text(t.dtype); }

std::string bytes_text(int64_t bytes) {
  constexpr std::array<const char *, 5> units = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 10 * 1024) return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  char text[48];
  std::snprintf(text, sizeof text, "%.1f %s", value, units[unit]);
  return text;
}

int64_t tensor_bytes(const DLTensor &t) {
  if (t.ndim < 0 || t.ndim > kMaxDims || (t.ndim > 0 && !t.shape)) return -1;
  int64_t bits = 0;
  if (t.dtype.bits == 0 || t.dtype.lanes == 0) return -1;
  if (__builtin_mul_overflow(int64_t{t.dtype.bits}, int64_t{t.dtype.lanes}, &bits)) return -1;
  bool empty = false;
  for (int32_t i = 0; i < t.ndim; ++i) {
    if (t.shape[i] < 0) return -1;
    empty = empty || t.shape[i] == 0;
    if (!empty && __builtin_mul_overflow(bits, t.shape[i], &bits)) return -1;
  }
  return empty ? 0 : bits / 8 + (bits % 8 != 0);
}

}  // namespace kvern
