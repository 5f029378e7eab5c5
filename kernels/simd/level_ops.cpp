// From the level in use to its tables.
#include "kernels/simd/level_ops.hpp"

#include "kernels/cpu_level.hpp"
#include "kernels/simd/packed_ops.hpp"

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
    case CpuLevel::amx_bf16:
      return amx_bf16_ops;
  }
#endif
  return portable_ops;
}

const PackedOps *packed_ops() {
#if defined(__x86_64__)
  static const bool has_vbmi = __builtin_cpu_supports("avx512vbmi") != 0;
  if (cpu_level() >= CpuLevel::avx512_bf16 && has_vbmi) return &avx512_vbmi_packed_ops;
  if (cpu_level() >= CpuLevel::avx512_vnni) return &avx512_vnni_packed_ops;
  if (cpu_level() >= CpuLevel::avx2) return &avx2_packed_ops;
#endif
  return nullptr;
}

}  // namespace kvern::kernels
