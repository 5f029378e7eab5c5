// Where the quantizer looks for scales and zeros, by bits and by how hard.
#pragma once
#include "kernels/quant/quant_ops.hpp"
#include "kernels/quant/quantize.hpp"

namespace kvern::kernels::quant {

/// Valid for ever. [any thread]
const Plan &plan_of(int bits, Search search);

}  // namespace kvern::kernels::quant
