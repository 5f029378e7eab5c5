// AMX: bf16 GEMM by tiles of 16 x 16 accumulators. The rest of k that does not fill tiles is left to dot
// products.
#include <algorithm>

#include "kernels/simd/gemm_amx.hpp"
#include "kernels/simd/tiles_amx.hpp"

#if defined(__x86_64__)
namespace kvern::kernels {
namespace {

constexpr int64_t kTile = 16;             // rows of a tile, and 32-bit elements of its rows
constexpr int64_t kPanel = 2 * kTile;     // columns of a panel
constexpr int64_t kRowBytes = kTile * 4;  // of a tile

// Four tiles of accumulators, two of x, two of the panel.
enum Tile { kSum00, kSum01, kSum10, kSum11, kX0, kX1, kPanel0, kPanel1 };

TileShapes shapes_of(int64_t low_rows, int64_t high_rows) {
  TileShapes shapes;
  for (int tile : {kSum00, kSum01, kX0})
    shapes.rows[static_cast<size_t>(tile)] = static_cast<uint8_t>(low_rows);
  for (int tile : {kSum10, kSum11, kX1})
    shapes.rows[static_cast<size_t>(tile)] = static_cast<uint8_t>(high_rows);
  for (int tile : {kPanel0, kPanel1}) shapes.rows[static_cast<size_t>(tile)] = kTile;
  for (size_t tile = 0; tile < 8; ++tile) shapes.row_bytes[tile] = shapes.rows[tile] ? kRowBytes : 0;
  return shapes;
}

template <int Left, int Right>
void load_accumulators(const float *c, int64_t stride, bool accumulate) {
  if (accumulate) {
    load_tile<Left>(c, stride);
    load_tile<Right>(c + kTile, stride);
  } else {
    clear_tile<Left>();
    clear_tile<Right>();
  }
}

template <int Left, int Right>
void store_accumulators(float *c, int64_t stride) {
  store_tile<Left>(c, stride);
  store_tile<Right>(c + kTile, stride);
}

/// Up to 16 rows of x, or with Both the 16 rows and up to 16 after them; k_pairs is a multiple of kTile.
template <bool Both>
void multiply_rows(const FloatRows &a, int64_t k_pairs, const float *panel, float *c, int64_t c_stride,
                   bool accumulate) {
  const int64_t x_bytes = a.stride * 4, panel_bytes = kPanel * 4, c_bytes = c_stride * 4;
  const float *x1 = a.data + kTile * a.stride;
  float *c1 = c + kTile * c_stride;
  load_accumulators<kSum00, kSum01>(c, c_bytes, accumulate);
  if constexpr (Both) load_accumulators<kSum10, kSum11>(c1, c_bytes, accumulate);
  for (int64_t k = 0; k < k_pairs; k += kTile) {
    load_tile<kPanel0>(panel + k * kPanel, panel_bytes);
    load_tile<kPanel1>(panel + k * kPanel + kTile, panel_bytes);
    load_tile<kX0>(a.data + k, x_bytes);
    multiply_tiles<kSum00, kX0, kPanel0>();
    multiply_tiles<kSum01, kX0, kPanel1>();
    if constexpr (Both) {
      load_tile<kX1>(x1 + k, x_bytes);
      multiply_tiles<kSum10, kX1, kPanel0>();
      multiply_tiles<kSum11, kX1, kPanel1>();
    }
  }
  store_accumulators<kSum00, kSum01>(c, c_bytes);
  if constexpr (Both) store_accumulators<kSum10, kSum11>(c1, c_bytes);
}

void multiply_whole_tiles(FloatRows a, int64_t k_pairs, const float *panel, float *c, int64_t c_stride,
                          bool accumulate) {
  int64_t shaped = 0;
  for (int64_t rows = 0; a.rows > 0; a.rows -= rows, a.data += rows * a.stride, c += rows * c_stride) {
    rows = std::min(a.rows, 2 * kTile);
    if (rows != shaped) set_tile_shapes(shapes_of(std::min(rows, kTile), std::max<int64_t>(rows - kTile, 0)));
    shaped = rows;
    (rows > kTile ? multiply_rows<true> : multiply_rows<false>)(a, k_pairs, panel, c, c_stride, accumulate);
  }
  release_tiles();
}

}  // namespace

void gemm_panel_amx(FloatRows a, int64_t k_pairs, const float *panel, float *c, int64_t c_stride,
                    bool accumulate) {
  const int64_t whole = k_pairs / kTile * kTile;
  if (a.rows > 0 && whole > 0) multiply_whole_tiles(a, whole, panel, c, c_stride, accumulate);
  if (whole == k_pairs && whole > 0) return;
  a.data += whole;
  avx512_bf16_kernels.gemm_panel_bf16(a, k_pairs - whole, panel + whole * kPanel, c, c_stride,
                                      accumulate || whole > 0);
}

}  // namespace kvern::kernels
#endif
