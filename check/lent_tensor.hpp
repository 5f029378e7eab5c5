// Copies of the keys and values that a cache is given for one layer, which become NaN when they are no longer lent.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

namespace kvern::conformance {

/// Memory is kept through the next step and reused after it, so that a cache which reads it too late reads NaN.
class LentTensors {
 public:
  /// A contiguous copy, good until end().
  const DLTensor *lend(const DLTensor &tensor) {
    Copy &copy = *copies_[now_].emplace_back(std::make_unique<Copy>());
    const int64_t *shape = tensor.shape;
    std::copy_n(shape, 4, copy.shape);
    const auto size = static_cast<std::size_t>(tensor.dtype.bits / 8);
    const auto vector = static_cast<std::size_t>(shape[3]) * size;
    copy.bytes.resize(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]) * vector);
    int64_t strides[3] = {shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3]};
    if (tensor.strides) std::copy_n(tensor.strides, 3, strides);
    const auto *from = static_cast<const std::byte *>(tensor.data) + tensor.byte_offset;
    std::byte *to = copy.bytes.data();
    for (int64_t row = 0; row < shape[0]; ++row)
      for (int64_t head = 0; head < shape[1]; ++head)
        for (int64_t token = 0; token < shape[2]; ++token, to += vector)
          std::memcpy(
              to,
              from +
                  static_cast<std::size_t>(row * strides[0] + head * strides[1] + token * strides[2]) * size,
              vector);
    copy.tensor = tensor;
    copy.tensor.data = copy.bytes.data();
    copy.tensor.byte_offset = 0;
    copy.tensor.shape = copy.shape;
    copy.tensor.strides = nullptr;
    return &copy.tensor;
  }

  /// Poisons what is lent, and frees what was lent in the step before.
  void end() {
    if (copies_[now_].empty()) return;
    for (const auto &copy : copies_[now_]) std::memset(copy->bytes.data(), 0xFF, copy->bytes.size());
    now_ = 1 - now_;
    copies_[now_].clear();
  }

 private:
  struct Copy {
    DLTensor tensor{};
    int64_t shape[4]{};
    std::vector<std::byte> bytes;
  };
  std::array<std::vector<std::unique_ptr<Copy>>, 2> copies_;
  std::size_t now_ = 0;
};

}  // namespace kvern::conformance
