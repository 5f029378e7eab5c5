// Matrix products, for now by their definition.
#include "core/kernels/matmul.hpp"

namespace kvern::kernels {

void matmul(const MatmulCall &call, const Parallel &) { matmul_reference(call); }

}  // namespace kvern::kernels
