// The tile registers of AMX, and whether this process may use them. One file knows their instructions: written by hand,
// since the compilers' intrinsics do not say which memory they read and write.
#pragma once

#if defined(__x86_64__)
#include <array>
#include <cstdint>

namespace kvern::kernels {

/// Asks the system for the tile registers, once for all threads of this process; false if processor or system lack
/// them, or bf16 products in them. [any thread]
bool request_tiles();

/// Tile configuration in the processor's format: rows, and bytes of a row.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0;
  std::array<uint8_t, 14> reserved = {};
  std::array<uint16_t, 16> row_bytes = {};
  std::array<uint8_t, 16> rows = {};
};
static_assert(sizeof(TileShapes) == 64);

/// Sets the shapes of this thread's tiles and clears them.
inline void set_tile_shapes(const TileShapes &shapes) {
  __asm__ volatile("ldtilecfg %0" ::"m"(shapes) : "memory");
}

/// Releases the tiles, so that the system need not save them.
inline void release_tiles() { __asm__ volatile("tilerelease" ::: "memory"); }

/// Rows of tile T to and from memory, `stride` bytes apart.
template <int T>
inline void load_tile(const void *from, int64_t stride) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(T) : "memory");
}
template <int T>
inline void store_tile(void *to, int64_t stride) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(T) : "memory");
}
template <int T>
inline void clear_tile() {
  __asm__ volatile("tilezero %%tmm%c0" ::"i"(T));
}

/// f32 [M, 16] C += A [M, K pairs of bf16] * B [K pairs, 16].
template <int C, int A, int B>
inline void multiply_tiles() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
}

}  // namespace kvern::kernels
#endif
