// The instruction-set extensions that kernels use: detected once at run time, or forced by the environment variable KVERN_CPU.
// They are one ordered list (cpu_capability.cpp); a new one is an entry there and the file of its kernels.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace kvern::kernels {

struct KernelTable;
struct PackedKernelTable;
struct LinearKernelTable;
namespace quant {
struct QuantKernelTable;
}

/// One set of instructions and its kernels; each contains the sets before it in the list. Static lifetime; compared by address.
struct CpuCapability {
  const char *name;            ///< as in KVERN_CPU
  bool (*is_supported)();      ///< by processor and system, given the capabilities before it
  const KernelTable *kernels;  ///< dense kernels
  const PackedKernelTable *(
      *packed)();  ///< integer products with packed blocks; returns NULL if there are none
  const quant::QuantKernelTable *quant;  ///< quantizer
  const LinearKernelTable *(*linear)();  ///< products with packed weights
};

/// All that this build knows, lowest first: portable, avx2 (with FMA, F16C), avx512 (F, BW, VL, DQ), avx512_vnni (8-bit dot
/// products), avx512_bf16_rows (bf16 dot products for few rows; VBMI look-ups of codes where the processor has them),
/// avx512_bf16 (for many rows, too), amx_bf16 (bf16 products in tiles). [any thread]
const std::vector<const CpuCapability *> &known_capabilities();

/// Those that this processor supports, a prefix of known_capabilities(); never empty. [any thread]
const std::vector<const CpuCapability *> &available_capabilities();

/// The capability in use: the fastest available one, or that of KVERN_CPU. Throws std::invalid_argument if KVERN_CPU is not the
/// name of an available one. [any thread]
const CpuCapability &cpu_capability();

/// The highest of `available`, but avx512_bf16_rows instead of avx512_bf16 where bf16 dot products are slower than f32's.
const CpuCapability &fastest_capability(const std::vector<const CpuCapability *> &available,
                                        bool slow_bf16_dots);

/// Replaces the capability in use, for tests and benchmarks, by an available one. Not while a kernel runs.
void set_cpu_capability(const CpuCapability &capability);

/// Throws std::invalid_argument, which names the known or the available ones, if `name` is unknown or not available.
const CpuCapability &find_capability(std::string_view name);

/// Name of the processor as the system reports it, "unknown processor" if it does not.
std::string processor_name();

}  // namespace kvern::kernels
