// Reference implementations of elementwise.hpp, scalar, in double precision; tests compare with them.
#pragma once
#include "kernels/elementwise.hpp"

namespace kvern::kernels {

void rms_norm_reference(const NormCall &call);
void layer_norm_reference(const NormCall &call);
void activate_reference(const ActivationCall &call);
void rotate_reference(const RotaryCall &call);
void convert_reference(const ConvertCall &call);
void embed_reference(const EmbeddingCall &call);
int64_t argmax_reference(const float *x, int64_t n);

}  // namespace kvern::kernels
