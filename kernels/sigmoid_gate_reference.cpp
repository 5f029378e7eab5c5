// Reference implementation of sigmoid_gate.hpp, in double precision.
#include <cmath>

#include "kernels/sigmoid_gate.hpp"

namespace kvern::kernels {

void sigmoid_gate_reference(const SigmoidGateCall &c) {
  for (int64_t row = 0; row < c.rows; ++row) {
    for (int64_t i = 0; i < c.dim; ++i) {
      float &x = c.x[row * c.x_stride + i];
      x = static_cast<float>(x / (1.0 + std::exp(-static_cast<double>(c.gate[row * c.gate_stride + i]))));
    }
  }
}

}  // namespace kvern::kernels
