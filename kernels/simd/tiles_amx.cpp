#include "kernels/simd/tiles_amx.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace kvern::kernels {
namespace {

constexpr unsigned kBf16 = 1u << 22, kTiles = 1u << 24;  // cpuid leaf 7, edx
constexpr long kRequestPermission = 0x1023, kTileData = 18;

}  // namespace

bool request_tiles() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kBf16) == 0 || (d & kTiles) == 0) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace kvern::kernels
#endif
