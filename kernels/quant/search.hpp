// Search plans of the quantizer, by bits and effort.
#pragma once
#include "kernels/quant/quant_kernels.hpp"
#include "kernels/quant/quantize.hpp"

namespace kvern::kernels::quant {

/// Static lifetime. [any thread]
const SearchPlan &plan_of(int bits, Search search);

}  // namespace kvern::kernels::quant
