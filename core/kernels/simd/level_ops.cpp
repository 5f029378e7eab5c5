// From the level in use to its table.
#include "core/kernels/simd/level_ops.hpp"

#include "core/kernels/cpu_level.hpp"

namespace kvern::kernels {

const LevelOps &level_ops() {
#if defined(__x86_64__)
  switch (cpu_level()) {
    case CpuLevel::portable:
      return portable_ops;
    case CpuLevel::avx2:
      return avx2_ops;
    case CpuLevel::avx512:
    case CpuLevel::avx512_vnni:
      return avx512_ops;
    case CpuLevel::avx512_bf16:
      return avx512_bf16_ops;
  }
#endif
  return portable_ops;
}

}  // namespace kvern::kernels
