// The list, and detection by cpuid (the compiler's builtin also checks that the system saves the registers).
#include "kernels/cpu_capability.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "kernels/quant/quant_kernels.hpp"
#include "kernels/simd/kernel_table.hpp"
#include "kernels/simd/linear_kernels.hpp"
#include "kernels/simd/packed_kernels.hpp"
#include "kernels/simd/tiles_amx.hpp"

namespace kvern::kernels {

// The tables of the files for each instruction set (simd/).
extern const KernelTable portable_kernels, avx2_kernels, avx512_kernels, avx512_bf16_rows_kernels,
    avx512_bf16_kernels, amx_bf16_kernels;
extern const PackedKernelTable avx2_packed_kernels, avx512_vnni_packed_kernels, avx512_vbmi_packed_kernels;
extern const LinearKernelTable portable_linear_kernels, avx2_linear_kernels, avx512_linear_kernels,
    avx512_vnni_linear_kernels, avx512_vbmi_linear_kernels;
namespace quant {
extern const QuantKernelTable portable_quant_kernels, avx2_quant_kernels, avx512_quant_kernels;
}

namespace {

#if defined(__x86_64__)
/// By hand: clang's builtin does not know the name before version 18.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 29)) != 0;
}

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c(); }

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool has_bf16_dots() { return __builtin_cpu_supports("avx512bf16") != 0; }

bool has_vbmi() {
  static const bool found = __builtin_cpu_supports("avx512vbmi") != 0;
  return found;
}

const LinearKernelTable *linear_by_vbmi() {
  return has_vbmi() ? &avx512_vbmi_linear_kernels : &avx512_vnni_linear_kernels;
}

const PackedKernelTable *packed_by_vbmi() {
  return has_vbmi() ? &avx512_vbmi_packed_kernels : &avx512_vnni_packed_kernels;
}
#endif

template <const PackedKernelTable *table>
const PackedKernelTable *packed_by() {
  return table;
}

template <const LinearKernelTable *table>
const LinearKernelTable *linear_by() {
  return table;
}

constexpr CpuCapability kCapabilities[] = {
    {"portable", [] { return true; }, &portable_kernels, packed_by<nullptr>, &quant::portable_quant_kernels,
     linear_by<&portable_linear_kernels>},
#if defined(__x86_64__)
    {"avx2", has_avx2, &avx2_kernels, packed_by<&avx2_packed_kernels>, &quant::avx2_quant_kernels,
     linear_by<&avx2_linear_kernels>},
    {"avx512", has_avx512, &avx512_kernels, packed_by<&avx2_packed_kernels>, &quant::avx512_quant_kernels,
     linear_by<&avx512_linear_kernels>},
    {"avx512_vnni", [] { return __builtin_cpu_supports("avx512vnni") != 0; }, &avx512_kernels,
     packed_by<&avx512_vnni_packed_kernels>, &quant::avx512_quant_kernels,
     linear_by<&avx512_vnni_linear_kernels>},
    {"avx512_bf16_rows", has_bf16_dots, &avx512_bf16_rows_kernels, packed_by_vbmi,
     &quant::avx512_quant_kernels, linear_by_vbmi},
    {"avx512_bf16", has_bf16_dots, &avx512_bf16_kernels, packed_by_vbmi, &quant::avx512_quant_kernels,
     linear_by_vbmi},
    {"amx_bf16", request_tiles, &amx_bf16_kernels, packed_by_vbmi, &quant::avx512_quant_kernels,
     linear_by_vbmi},
#endif
};

std::string names_of(const std::vector<const CpuCapability *> &capabilities) {
  std::string list;
  for (const CpuCapability *one : capabilities) list += (list.empty() ? "" : ", ") + std::string(one->name);
  return list;
}

const CpuCapability *find(const std::vector<const CpuCapability *> &among, std::string_view name) {
  const auto found = std::find_if(among.begin(), among.end(),
                                  [name](const CpuCapability *one) { return one->name == name; });
  return found == among.end() ? nullptr : *found;
}

/// Intel's processors start a bf16 dot product every second cycle, but two products of f32 a cycle: in many rows, which
/// arithmetic bounds, f32 is the faster by 1.5 times. AMD's start one of either a cycle.
bool has_slow_bf16_dots() {
#if defined(__x86_64__)
  return __builtin_cpu_is("intel");
#else
  return false;
#endif
}

const CpuCapability *initial_capability() {
  const char *forced = std::getenv("KVERN_CPU");
  if (!forced || !*forced) return &fastest_capability(available_capabilities(), has_slow_bf16_dots());
  try {
    return &find_capability(forced);
  } catch (const std::invalid_argument &error) {
    throw std::invalid_argument(std::string("environment variable KVERN_CPU: ") + error.what());
  }
}

std::atomic<const CpuCapability *> &in_use() {
  static std::atomic<const CpuCapability *> capability{initial_capability()};
  return capability;
}

}  // namespace

const std::vector<const CpuCapability *> &known_capabilities() {
  static const auto known = [] {
    std::vector<const CpuCapability *> all;
    for (const CpuCapability &one : kCapabilities) all.push_back(&one);
    return all;
  }();
  return known;
}

const std::vector<const CpuCapability *> &available_capabilities() {
  static const auto available = [] {
    std::vector<const CpuCapability *> found;
    for (const CpuCapability *one : known_capabilities()) {
      if (!one->is_supported()) break;
      found.push_back(one);
    }
    return found;
  }();
  return available;
}

const CpuCapability &cpu_capability() { return *in_use().load(std::memory_order_relaxed); }

void set_cpu_capability(const CpuCapability &capability) {
  in_use().store(&find_capability(capability.name));
}

const CpuCapability &fastest_capability(const std::vector<const CpuCapability *> &available,
                                        bool slow_bf16_dots) {
  const CpuCapability &highest = *available.back();
  if (slow_bf16_dots && std::string_view(highest.name) == "avx512_bf16")
    return *find(available, "avx512_bf16_rows");
  return highest;
}

const CpuCapability &find_capability(std::string_view name) {
  if (const CpuCapability *found = find(available_capabilities(), name)) return *found;
  if (find(known_capabilities(), name))
    throw std::invalid_argument("this processor (" + processor_name() + ") has no '" + std::string(name) +
                                "'; it has " + names_of(available_capabilities()));
  throw std::invalid_argument("no instruction set level is called '" + std::string(name) + "'; known are " +
                              names_of(known_capabilities()));
}

const KernelTable &kernel_table() { return *cpu_capability().kernels; }

const PackedKernelTable *packed_kernels() { return cpu_capability().packed(); }

const LinearKernelTable &linear_kernels() { return *cpu_capability().linear(); }

const quant::QuantKernelTable &quant::quant_kernels() { return *cpu_capability().quant; }

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

}  // namespace kvern::kernels
