#include "tests/reference_runner/case_rope.hpp"

#include <cmath>

namespace kvern::reference {
namespace {

float *vector_at(const DLTensor &t, int64_t r, int64_t h, int64_t i) {
  const int64_t contiguous[3] = {t.shape[1] * t.shape[2] * t.shape[3], t.shape[2] * t.shape[3], t.shape[3]};
  const int64_t *stride = t.strides ? t.strides : contiguous;
  auto *data = reinterpret_cast<float *>(static_cast<char *>(t.data) + t.byte_offset);
  return data + r * stride[0] + h * stride[1] + i * stride[2];
}

void rotate_vector(const std::vector<double> &angles, int64_t position, int64_t dim, const float *x,
                   float *out) {
  const auto half = static_cast<int64_t>(angles.size());
  for (int64_t d = 2 * half; d < dim; ++d) out[d] = x[d];
  for (int64_t d = 0; d < half; ++d) {
    const double a = angles[static_cast<size_t>(d)] * static_cast<double>(position), u = x[d],
                 v = x[d + half];
    out[d] = static_cast<float>(u * std::cos(a) - v * std::sin(a));
    out[d + half] = static_cast<float>(v * std::cos(a) + u * std::sin(a));
  }
}

}  // namespace

CaseRope::CaseRope(const at::Tensor &cos, const at::Tensor &sin)
    : table_{sizeof(kvern_rope_1), 0, this, &rotate, &tables} {
  const auto c = cos[0][1], s = sin[0][1];
  for (int64_t d = 0; d < c.size(0) / 2; ++d)
    angles_.push_back(std::atan2(s[d].item<double>(), c[d].item<double>()));
}

kvern_status CaseRope::rotate(void *ctx, int32_t, const DLTensor *x, const int64_t *pos, int64_t row_stride,
                              int32_t, void *, DLTensor *out, kvern_error *) {
  const auto &angles = static_cast<const CaseRope *>(ctx)->angles_;
  for (int64_t r = 0; r < x->shape[0]; ++r)
    for (int64_t h = 0; h < x->shape[1]; ++h)
      for (int64_t i = 0; i < x->shape[2]; ++i)
        rotate_vector(angles, pos[r * row_stride + i], x->shape[3], vector_at(*x, r, h, i),
                      vector_at(*out, r, h, i));
  return KVERN_OK;
}

kvern_status CaseRope::tables(void *ctx, int32_t, const int64_t *, int64_t n, float *, float *,
                              int32_t *rotary_dim, int32_t *interleaved, float *factor, kvern_error *error) {
  if (n > 0) return error->code = KVERN_UNSUPPORTED;
  *rotary_dim = 2 * static_cast<int32_t>(static_cast<const CaseRope *>(ctx)->angles_.size());
  *interleaved = 0;
  *factor = 1;
  return KVERN_OK;
}

}  // namespace kvern::reference
