// Rotary embedding of the model's layers, for vectors that are rotated further. A model without it has no rotation here.
#pragma once
#include <kvern/abi/rope.h>
#include <kvern/sdk/create.hpp>

namespace kvern::sink {

namespace sdk = kvern::sdk;

class Rotation {
 public:
  /// Throws sdk::Failure, UNSUPPORTED, for a layer whose rotation depends on the length.
  explicit Rotation(const sdk::Create &create);

  /// Whether positions rotate anything in this layer.
  bool exists(int layer) const { return rotary_dim_[layer] > 0; }

  /// out = x [rows, heads, n, dim] rotated by `by` [rows, n] more positions; negative: back.
  void rotate(int layer, const DLTensor &x, const int64_t *by, DLTensor *out) const;

 private:
  const kvern_rope_1 *rope_ = nullptr;
  std::vector<int32_t> rotary_dim_;  // [layers]
};

}  // namespace kvern::sink
