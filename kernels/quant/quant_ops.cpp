// From the level in use to its table.
#include "kernels/quant/quant_ops.hpp"

#include "kernels/cpu_level.hpp"

namespace kvern::kernels::quant {

const QuantOps &quant_ops() {
#if defined(__x86_64__)
  switch (cpu_level()) {
    case CpuLevel::portable:
      return portable_quant_ops;
    case CpuLevel::avx2:
      return avx2_quant_ops;
    default:
      return avx512_quant_ops;
  }
#endif
  return portable_quant_ops;
}

}  // namespace kvern::kernels::quant
