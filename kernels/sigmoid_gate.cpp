// Distributes rows over threads. One call a layer: the exponentials cost far less than the projections around them.
#include "kernels/sigmoid_gate.hpp"

#include <algorithm>

#include "kernels/head_gates.hpp"

namespace kvern::kernels {

void sigmoid_gate(const SigmoidGateCall &c, const Parallel &parallel) {
  constexpr int64_t kGrainElements = 1 << 12;  // of a task
  const int64_t grain = std::max<int64_t>(kGrainElements / std::max<int64_t>(c.dim, 1), 1);
  const auto body = [&c](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float *x = c.x + row * c.x_stride;
      const float *gate = c.gate + row * c.gate_stride;
      for (int64_t i = 0; i < c.dim; ++i) x[i] *= sigmoid(gate[i]);
    }
  };
  if (c.rows <= grain) return body(0, c.rows);
  parallel_for(parallel, c.rows, grain, body);
}

}  // namespace kvern::kernels
