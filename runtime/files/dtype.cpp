// One table: name in the file, size, name in transformers.
#include "runtime/files/dtype.hpp"

#include <array>

namespace kvern::files {
namespace {

struct Row {
  Dtype dtype;
  std::string_view name;
  size_t size;
  std::string_view torch_name;
};

constexpr std::array<Row, 15> kRows{{
    {Dtype::boolean, "BOOL", 1, "bool"},
    {Dtype::u8, "U8", 1, "uint8"},
    {Dtype::i8, "I8", 1, "int8"},
    {Dtype::f8_e5m2, "F8_E5M2", 1, "float8_e5m2"},
    {Dtype::f8_e4m3, "F8_E4M3", 1, "float8_e4m3fn"},
    {Dtype::i16, "I16", 2, "int16"},
    {Dtype::u16, "U16", 2, "uint16"},
    {Dtype::f16, "F16", 2, "float16"},
    {Dtype::bf16, "BF16", 2, "bfloat16"},
    {Dtype::i32, "I32", 4, "int32"},
    {Dtype::u32, "U32", 4, "uint32"},
    {Dtype::f32, "F32", 4, "float32"},
    {Dtype::f64, "F64", 8, "float64"},
    {Dtype::i64, "I64", 8, "int64"},
    {Dtype::u64, "U64", 8, "uint64"},
}};

constexpr const Row &row(Dtype dtype) { return kRows[static_cast<size_t>(dtype)]; }

constexpr bool rows_stand_in_order() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].dtype) != i) return false;
  }
  return true;
}
static_assert(rows_stand_in_order());

}  // namespace

size_t item_size(Dtype dtype) { return row(dtype).size; }

std::string_view dtype_name(Dtype dtype) { return row(dtype).name; }

std::optional<Dtype> dtype_from_name(std::string_view name) {
  for (const Row &r : kRows) {
    if (r.name == name) return r.dtype;
  }
  return std::nullopt;
}

std::optional<Dtype> dtype_from_torch_name(std::string_view name) {
  for (const Row &r : kRows) {
    if (r.torch_name == name) return r.dtype;
  }
  return std::nullopt;
}

std::string dtype_names() {
  std::string names;
  for (const Row &r : kRows) names += (names.empty() ? "" : ", ") + std::string(r.name);
  return names;
}

}  // namespace kvern::files
