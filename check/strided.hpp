// What a tensor describes, owned: work that is done later must not read the caller's shape and strides.
#pragma once
#include <dlpack/dlpack.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace kvern::conformance {

struct Strided {
  std::byte *data = nullptr;
  DLDataType type{};
  std::vector<int64_t> shape, strides;  ///< strides in bytes

  explicit Strided(const DLTensor &tensor);

  int64_t element() const { return type.bits * type.lanes / 8; }
  int64_t elements() const;
  bool empty() const { return elements() == 0; }
  /// The address behind the last element.
  std::byte *end() const;
  /// [begin, end) of one axis.
  Strided slice(int axis, int64_t begin, int64_t end) const;

  /// All memory in the order of its elements, the last axis fastest: each stretch without a gap, with its bytes.
  void visit(const std::function<void(std::byte *, std::size_t)> &call) const;
  std::vector<std::byte> read() const;
  /// Elements of the same type, as read returns them.
  void write(const std::byte *elements) const;
};

/// Floating-point elements of another type, to nearest. False for types that it does not know.
bool convertible(DLDataType from, DLDataType to);
std::vector<std::byte> converted(const std::vector<std::byte> &elements, DLDataType from, DLDataType to);

}  // namespace kvern::conformance
