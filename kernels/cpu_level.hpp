// Which instruction set the kernels use: chosen once at run time, forced by the environment variable
// KVERN_CPU.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace kvern::kernels {

/// Each level contains the ones before it. avx2: + FMA, F16C. avx512: F, BW, VL, DQ. avx512_vnni adds 8-bit
/// dot products, avx512_bf16 bf16 dot products (and looks packed codes up by VBMI where the processor has that),
/// amx_bf16 bf16 products in tiles.
enum class CpuLevel : int {
  portable = 0,
  avx2 = 1,
  avx512 = 2,
  avx512_vnni = 3,
  avx512_bf16 = 4,
  amx_bf16 = 5
};

/// "portable", "avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx_bf16".
const char *name_of(CpuLevel level);

/// What this processor and this build can run, lowest first; never empty. [any thread]
const std::vector<CpuLevel> &available_levels();

/// The level in use: the highest available one, or that of KVERN_CPU. Throws kvern::Error (config) if
/// KVERN_CPU names an unknown level or one that this processor lacks. [any thread]
CpuLevel cpu_level();

/// Sets the level in use, for tests and benchmarks; throws kvern::Error (config) if it is not available. Not
/// while a kernel runs.
void set_cpu_level(CpuLevel level);

/// The level of that name; throws kvern::Error (config) if there is none or if it is not available.
CpuLevel parse_cpu_level(std::string_view name);

/// The processor's name as the system gives it, "unknown processor" if it does not.
std::string processor_name();

}  // namespace kvern::kernels
