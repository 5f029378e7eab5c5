// "kvern.rope/1" with the angles that a case recorded.
#pragma once
#include <kvern/abi/rope.h>

#include <kvern/model.hpp>
#include <vector>

namespace kvern::reference {

class CaseRope {
 public:
  /// cos, sin [1, n, rotary_dim] of positions 0 .. n - 1, at least two.
  CaseRope(const at::Tensor &cos, const at::Tensor &sin);
  CaseRope(const CaseRope &) = delete;

  const kvern_rope_1 *table() const { return &table_; }

 private:
  static kvern_status rotate(void *ctx, int32_t layer, const DLTensor *x, const int64_t *pos,
                             int64_t row_stride, int32_t turn_only, void *stream, DLTensor *out,
                             kvern_error *error);
  static kvern_status tables(void *ctx, int32_t layer, const int64_t *pos, int64_t n, float *cos, float *sin,
                             int32_t *rotary_dim, int32_t *interleaved, float *factor, kvern_error *error);

  std::vector<double> angles_;  // [rotary_dim / 2] of one position
  kvern_rope_1 table_;
};

}  // namespace kvern::reference
