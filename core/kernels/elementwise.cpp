// The small operations, for now by their definition.
#include "core/kernels/elementwise.hpp"

#include "core/kernels/elementwise_reference.hpp"

namespace kvern::kernels {

void rms_norm(const NormCall &call, const Parallel &) { rms_norm_reference(call); }
void layer_norm(const NormCall &call, const Parallel &) { layer_norm_reference(call); }
void activate(const ActivationCall &call, const Parallel &) { activate_reference(call); }
void rotate(const RotaryCall &call, const Parallel &) { rotate_reference(call); }
void convert(const ConvertCall &call, const Parallel &) { convert_reference(call); }
void embed(const EmbeddingCall &call, const Parallel &) { embed_reference(call); }
int64_t argmax(const float *x, int64_t n) { return argmax_reference(x, n); }

void add_scaled(float *out, int64_t out_stride, const float *x, int64_t x_stride, float scale, int64_t rows,
                int64_t dim, const Parallel &) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < dim; ++i) out[row * out_stride + i] += scale * x[row * x_stride + i];
  }
}

}  // namespace kvern::kernels
