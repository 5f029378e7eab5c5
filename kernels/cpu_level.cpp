// Detection by cpuid (the compiler's builtin also asks the system whether it saves the registers).
#include "kernels/cpu_level.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <kvern/error.hpp>

#include "kernels/simd/tiles_amx.hpp"

namespace kvern::kernels {
namespace {

constexpr CpuLevel kLevels[] = {CpuLevel::portable,    CpuLevel::avx2,        CpuLevel::avx512,
                                CpuLevel::avx512_vnni, CpuLevel::avx512_bf16, CpuLevel::amx_bf16};

#if defined(__x86_64__)
/// By hand: clang's builtin does not know the name before version 18.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 29)) != 0;
}
#endif

bool processor_has(CpuLevel level) {
#if defined(__x86_64__)
  switch (level) {
    case CpuLevel::portable:
      return true;
    case CpuLevel::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case CpuLevel::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    case CpuLevel::avx512_vnni:
      return __builtin_cpu_supports("avx512vnni");
    case CpuLevel::avx512_bf16:
      return __builtin_cpu_supports("avx512bf16");
    case CpuLevel::amx_bf16:
      return request_tiles();
  }
  return false;
#else
  return level == CpuLevel::portable;
#endif
}

std::vector<CpuLevel> detect() {
  std::vector<CpuLevel> found;
  for (CpuLevel level : kLevels) {
    if (!processor_has(level)) break;
    found.push_back(level);
  }
  return found;
}

std::string names(const std::vector<CpuLevel> &levels) {
  std::string list;
  for (CpuLevel level : levels) list += (list.empty() ? "" : ", ") + std::string(name_of(level));
  return list;
}

CpuLevel initial_level() {
  const char *forced = std::getenv("KVERN_CPU");
  if (!forced || !*forced) return available_levels().back();
  try {
    return parse_cpu_level(forced);
  } catch (const Error &error) {
    throw Error(ErrorKind::config, std::string("environment variable KVERN_CPU: ") + error.what());
  }
}

std::atomic<CpuLevel> &level_in_use() {
  static std::atomic<CpuLevel> level{initial_level()};
  return level;
}

}  // namespace

const char *name_of(CpuLevel level) {
  switch (level) {
    case CpuLevel::portable:
      return "portable";
    case CpuLevel::avx2:
      return "avx2";
    case CpuLevel::avx512:
      return "avx512";
    case CpuLevel::avx512_vnni:
      return "avx512_vnni";
    case CpuLevel::avx512_bf16:
      return "avx512_bf16";
    case CpuLevel::amx_bf16:
      return "amx_bf16";
  }
  return "unknown";
}

const std::vector<CpuLevel> &available_levels() {
  static const std::vector<CpuLevel> levels = detect();
  return levels;
}

CpuLevel cpu_level() { return level_in_use().load(std::memory_order_relaxed); }

void set_cpu_level(CpuLevel level) { level_in_use().store(parse_cpu_level(name_of(level))); }

CpuLevel parse_cpu_level(std::string_view name) {
  const std::vector<CpuLevel> &have = available_levels();
  for (CpuLevel level : have) {
    if (name == name_of(level)) return level;
  }
  std::vector<CpuLevel> known(std::begin(kLevels), std::end(kLevels));
  for (CpuLevel level : known) {
    if (name == name_of(level)) {
      throw Error(ErrorKind::config, "this processor (" + processor_name() + ") has no '" +
                                         std::string(name) + "'; it has " + names(have));
    }
  }
  std::vector<std::string> candidates;
  for (CpuLevel level : known) candidates.emplace_back(name_of(level));
  throw Error(ErrorKind::config, "no instruction set level is called '" + std::string(name) + "'" +
                                     did_you_mean(name, candidates) + "; known are " + names(known));
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

}  // namespace kvern::kernels
