// Copies of the keys and values that a cache is given for one layer, which become NaN when they are no longer lent.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "check/strided.hpp"

namespace kvern::conformance {

/// Memory is kept through the next step and reused after it, so that a cache which reads it too late reads NaN.
class LentTensors {
 public:
  /// A contiguous copy, good until end().
  const DLTensor *lend(const DLTensor &tensor) {
    Copy &copy = *copies_[now_].emplace_back(std::make_unique<Copy>());
    copy.bytes = Strided(tensor).read();
    std::copy_n(tensor.shape, 4, copy.shape);
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
