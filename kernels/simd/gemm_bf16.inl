// bf16 GEMM with f32 accumulators, by dot products of pairs. Needs vec_avx512.inl and AVX512_BF16. Not
// self-contained: included by level_*.cpp. 32 bits hold two elements that are adjacent along k.

KVERN_INLINE Vec dot_bf16(Vec acc, Vec a, Vec b) {
  return _mm512_dpbf16_ps(acc, (__m512bh)_mm512_castps_si512(a), (__m512bh)_mm512_castps_si512(b));
}

template <int M>
static void gemm_tile_bf16(const float *a, int64_t a_stride, int64_t k, const float *panel, float *c,
                           int64_t c_stride, bool accumulate) {
  Vec acc[M][2];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    acc[m][0] = accumulate ? load(c + m * c_stride) : zero();
    acc[m][1] = accumulate ? load(c + m * c_stride + kWidth) : zero();
  }
  for (int64_t i = 0; i < k; ++i) {
    Vec b0 = load(panel + i * 2 * kWidth), b1 = load(panel + i * 2 * kWidth + kWidth);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      Vec x = set1(a[m * a_stride + i]);
      acc[m][0] = dot_bf16(acc[m][0], x, b0);
      acc[m][1] = dot_bf16(acc[m][1], x, b1);
    }
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    store(c + m * c_stride, acc[m][0]);
    store(c + m * c_stride + kWidth, acc[m][1]);
  }
}

template <int M>
static void gemm_rest_bf16(const FloatRows &a, int64_t k, const float *panel, float *c, int64_t c_stride,
                           bool accumulate) {
  if constexpr (M > 0) {
    if (a.rows == M) {
      gemm_tile_bf16<M>(a.data, a.stride, k, panel, c, c_stride, accumulate);
    } else {
      gemm_rest_bf16<M - 1>(a, k, panel, c, c_stride, accumulate);
    }
  }
}

static void gemm_panel_bf16(FloatRows a, int64_t k_pairs, const float *panel, float *c, int64_t c_stride,
                            bool accumulate) {
  for (; a.rows >= kGemmRows; a.rows -= kGemmRows) {
    gemm_tile_bf16<kGemmRows>(a.data, a.stride, k_pairs, panel, c, c_stride, accumulate);
    a.data += kGemmRows * a.stride;
    c += kGemmRows * c_stride;
  }
  gemm_rest_bf16<kGemmRows - 1>(a, k_pairs, panel, c, c_stride, accumulate);
}

/// n pairs at element i of a bf16 row that ends after `dim` elements.
KVERN_INLINE Vec load_pairs_n(const void *data, int64_t i, int64_t elements) {
  if (elements >= 32) return _mm512_castsi512_ps(_mm512_loadu_si512(static_cast<const uint16_t *>(data) + i));
  __mmask32 mask = (1u << elements) - 1u;
  return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(mask, static_cast<const uint16_t *>(data) + i));
}

static void pack_columns_bf16(const RowBlock &rows, float *panel) {
  int64_t pairs = (rows.dim + 1) / 2;
  for (int64_t d = 0; d < pairs; d += kWidth) {
    for (int64_t r = 0; r < 2 * kWidth; r += kWidth) {
      Vec v[kWidth];
      KVERN_UNROLL
      for (int i = 0; i < kWidth; ++i) {
        v[i] = r + i >= rows.rows ? zero()
                                  : load_pairs_n(rows.data, (r + i) * rows.stride + 2 * d, rows.dim - 2 * d);
      }
      transpose(v);
      for (int64_t i = 0; i < kWidth && d + i < pairs; ++i) store(panel + (d + i) * 2 * kWidth + r, v[i]);
    }
  }
}

static void pack_rows_bf16(const RowBlock &rows, float *panel) {
  const uint16_t *data = static_cast<const uint16_t *>(rows.data);
  for (int64_t r = 0; r < rows.rows; r += 2) {
    for (int64_t d = 0; d < 2 * kWidth; d += kWidth) {
      int64_t n = rows.dim - d;
      __mmask16 mask = n <= 0 ? 0 : n >= kWidth ? 0xffff : first_n(n);
      __m256i low = _mm256_maskz_loadu_epi16(mask, data + r * rows.stride + d);
      __m256i high = r + 1 < rows.rows ? _mm256_maskz_loadu_epi16(mask, data + (r + 1) * rows.stride + d)
                                       : _mm256_setzero_si256();
      __m512i pair =
          _mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
      store(panel + r * kWidth + d, _mm512_castsi512_ps(pair));
    }
  }
}
