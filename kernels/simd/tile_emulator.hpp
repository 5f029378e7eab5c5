// The tile instructions of AMX for a processor without them, for tests: illegal instructions are caught,
// decoded as in the processor's manual and emulated, so that the instructions of the kernel run everywhere.
// Not for use outside tests: it takes the program's handler of illegal instructions.
#pragma once

#if defined(__x86_64__)
#include <signal.h>

namespace kvern::kernels::testing {

/// While it lives, LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILESTORED and TDPBF16PS work in every thread. Each
/// thread has its own tiles. What the processor would refuse (an unset tile, shapes that do not fit) and every other
/// illegal instruction ends the program with a message.
class TileEmulator {
 public:
  TileEmulator();
  ~TileEmulator();
  TileEmulator(const TileEmulator &) = delete;
  TileEmulator &operator=(const TileEmulator &) = delete;

 private:
  struct sigaction before_;
};

}  // namespace kvern::kernels::testing
#endif
