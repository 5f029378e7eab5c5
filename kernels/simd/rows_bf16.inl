// dot_rows and sum_rows with bf16 products, two at a time. Needs gemm_bf16.inl. Not self-contained: included
// by level_*.cpp.

constexpr int kColumnQueriesBf16 = 4;  // least number of queries for which keys are transposed
constexpr int64_t kLongDim = 128;      // of keys of this length it is one query more

/// Elements [d, d + 32) of M rows of x, as pairs, with R rows, `apart` elements from one to the next.
template <int M, int R>
KVERN_INLINE void dot_step_bf16(const float *x, int64_t x_stride, const uint16_t *data, int64_t apart,
                                int64_t n, Vec (&acc)[M][R]) {
  Vec v[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) v[m] = load(x + m * x_stride);
  KVERN_UNROLL
  for (int r = 0; r < R; ++r) {
    Vec w = load_pairs_n(data, r * apart, n);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) acc[m][r] = dot_bf16(acc[m][r], v[m], w);
  }
}

/// D is the rows' length if that is one of the usual head sizes (x then has no padding), else 0.
template <int M, int R, int D>
KVERN_INLINE void dot_tile_bf16(const FloatRows &x, const uint16_t *data, int64_t apart, int64_t dim,
                                Vec (&acc)[M][R]) {
  KVERN_UNROLL
  for (int i = 0; i < M * R; ++i) acc[i / R][i % R] = zero();
  const float *q = opaque(x.data);
  if constexpr (D > 0) {
    KVERN_UNROLL
    for (int d = 0; d < D; d += 32) dot_step_bf16<M, R>(q + d / 2, D, data + d, apart, 32, acc);
  } else {
    for (int64_t d = 0; d < dim; d += 32)
      dot_step_bf16<M, R>(q + d / 2, x.stride, data + d, apart, dim - d, acc);
  }
}

template <int M, int R, int D>
static void dot_tiles_bf16_of(const FloatRows &x, const RowBlock &rows, int64_t begin, int64_t end,
                              int64_t apart, const SpanPrefetch &ahead, float *out, int64_t out_stride) {
  float zipped[M][kSpan * R];
  const uint16_t *data = static_cast<const uint16_t *>(rows.data) + begin * rows.stride;
  for (int64_t i = 0; i < end - begin; ++i, data += rows.stride) {
    Vec acc[M][R];
    prefetch_rows<R>(rows.ahead, begin + i);
    ahead.fetch<R>(data, apart * rows.stride * 2, rows.stride * 2);
    dot_tile_bf16<M, R, D>(x, data, apart * rows.stride, rows.dim, acc);
    store_accumulators(acc, &zipped[0][i * R], kSpan * R);
  }
  for (int m = 0; m < M; ++m) unzip<R>(zipped[m], out + m * out_stride + begin, apart, end - begin);
}

template <int M, int R>
KVERN_INLINE void dot_tiles_bf16(const FloatRows &x, const RowBlock &rows, int64_t begin, int64_t end,
                                 int64_t apart, const SpanPrefetch &ahead, float *out, int64_t out_stride) {
  constexpr int kShort = R == 1 ? 0 : 64, kLong = R == 1 ? 0 : 128;
  if (rows.dim == kShort && x.stride == kShort) {
    return dot_tiles_bf16_of<M, R, kShort>(x, rows, begin, end, apart, ahead, out, out_stride);
  }
  if (rows.dim == kLong && x.stride == kLong) {
    return dot_tiles_bf16_of<M, R, kLong>(x, rows, begin, end, apart, ahead, out, out_stride);
  }
  dot_tiles_bf16_of<M, R, 0>(x, rows, begin, end, apart, ahead, out, out_stride);
}

/// All of x with R streams of rows, in spans that stay in cache.
template <int R>
static void dot_streams_bf16(const FloatRows &x, const RowBlock &rows, int64_t first, int64_t apart,
                             float *out, int64_t out_stride) {
  int64_t passes = (x.rows + 3) / 4;
  for (int64_t begin = first; begin < first + apart; begin += kSpan) {
    int64_t end = begin + kSpan < first + apart ? begin + kSpan : first + apart;
    const bool prefetches = rows.ahead.lines == 0 && end < first + apart;
    FloatRows left = x;
    RowBlock block = rows;
    float *to = out;
    for (int64_t pass = passes; pass > 0; --pass) {
      int64_t m = (left.rows + pass - 1) / pass;
      const auto ahead = SpanPrefetch::of_pass(passes - pass, prefetches ? passes : 1, rows.dim * 2);
      if (m == 1) dot_tiles_bf16<1, R>(left, block, begin, end, apart, ahead, to, out_stride);
      if (m == 2) dot_tiles_bf16<2, R>(left, block, begin, end, apart, ahead, to, out_stride);
      if (m == 3) dot_tiles_bf16<3, R>(left, block, begin, end, apart, ahead, to, out_stride);
      if (m == 4) dot_tiles_bf16<4, R>(left, block, begin, end, apart, ahead, to, out_stride);
      left = {left.data + m * left.stride, left.stride, left.rows - m};
      to += m * out_stride;
      block.ahead.lines = 0;
    }
  }
}

/// For dot_columns: two bf16 elements in each 32 bits.
struct Pairs {
  static constexpr Dtype type = Dtype::bf16;
  static constexpr int kElements = 2 * kWidth;
  static KVERN_INLINE_MEMBER Vec load_row(const void *data, int64_t i) {
    return load_pairs_n(data, i, kElements);
  }
  static KVERN_INLINE_MEMBER Vec load_row_n(const void *data, int64_t i, int64_t n) {
    return load_pairs_n(data, i, n);
  }
  static KVERN_INLINE_MEMBER Vec multiply(Vec sum, const float *x, Vec row) {
    // gcc 12 loads and broadcasts *x by a separate instruction
    __asm__("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(row), "m"(*x));
    return sum;
  }
};

static void dot_rows_bf16(FloatRows x, const RowBlock &rows, float *out, int64_t out_stride) {
  const int least = kColumnQueriesBf16 + (rows.dim >= kLongDim ? 1 : 0);
  if (x.rows >= least && x.rows <= 2 * kColumnPass && rows.dim <= kColumnDim)
    return dot_columns<Pairs>(x, rows, out, out_stride);
  int64_t apart = rows.rows / 4, done = apart * 4;
  dot_streams_bf16<4>(x, rows, 0, apart, out, out_stride);
  dot_streams_bf16<1>(x, rows, done, rows.rows - done, out, out_stride);
}

static void round_pairs(const float *from, float *pairs, int64_t n) {
  uint16_t *to = reinterpret_cast<uint16_t *>(pairs);  // never ahead of what is read
  int64_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth)
    _mm512_storeu_si512(to + i, (__m512i)_mm512_cvtne2ps_pbh(load(from + i + kWidth), load(from + i)));
  for (; i < n; i += kWidth) {
    __m256i half = (__m256i)_mm512_cvtneps_pbh(n - i >= kWidth ? load(from + i) : load_n(from + i, n - i));
    _mm256_mask_storeu_epi16(to + i, n - i >= kWidth ? 0xffff : first_n(n - i), half);
  }
}

static void round_row_bf16(const float *from, float *to, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth)
    store_some(to + i, widen_bf16((__m256i)_mm512_cvtneps_pbh(load_some(from + i, n - i))), n - i);
}

// Interleaving two rows leaves elements in the order 0-3 8-11 16-19 24-27 and 4-7 12-15 20-23 28-31.
KVERN_INLINE __m512i interleaved_order(int half) {
  __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  return _mm512_add_epi32(place, _mm512_set1_epi32(4 * half));
}
KVERN_INLINE __m512i plain_order(int half) {
  __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  return _mm512_add_epi32(place, _mm512_set1_epi32(8 * half));
}

/// 32 * P elements at d of M outputs, over all rows, two rows at a time.
template <int M, int P>
static void sum_tile_bf16(const FloatRows &weight, const RowBlock &rows, int64_t d, float *out,
                          int64_t out_stride) {
  Vec acc[M][2 * P];
  KVERN_UNROLL
  for (int i = 0; i < M * P; ++i) {
    const float *from = out + i / P * out_stride + d + i % P * 32;
    acc[i / P][i % P * 2] = _mm512_permutex2var_ps(load(from), interleaved_order(0), load(from + 16));
    acc[i / P][i % P * 2 + 1] = _mm512_permutex2var_ps(load(from), interleaved_order(1), load(from + 16));
  }
  for (int64_t r = 0; r < rows.rows; r += 2) {
    prefetch_rows<2>(rows.ahead, r / 2);
    Vec v[2 * P];
    KVERN_UNROLL
    for (int p = 0; p < P; ++p) {
      int64_t at = r * rows.stride + d + 32 * p, n = rows.dim - d - 32 * p;
      __m512i low = _mm512_castps_si512(load_pairs_n(rows.data, at, n));
      __m512i high = r + 1 < rows.rows ? _mm512_castps_si512(load_pairs_n(rows.data, at + rows.stride, n))
                                       : _mm512_setzero_si512();
      v[2 * p] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(low, high));
      v[2 * p + 1] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(low, high));
    }
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      Vec w = set1(weight.data[m * weight.stride + r / 2]);
      KVERN_UNROLL
      for (int i = 0; i < 2 * P; ++i) acc[m][i] = dot_bf16(acc[m][i], w, v[i]);
    }
  }
  KVERN_UNROLL
  for (int i = 0; i < M * P; ++i) {
    float *to = out + i / P * out_stride + d + i % P * 32;
    Vec a = acc[i / P][i % P * 2], b = acc[i / P][i % P * 2 + 1];
    store(to, _mm512_permutex2var_ps(a, plain_order(0), b));
    store(to + 16, _mm512_permutex2var_ps(a, plain_order(1), b));
  }
}

template <int M>
static void sum_some_bf16(const FloatRows &weight, RowBlock rows, float *out, int64_t out_stride) {
  int64_t d = 0;
  if constexpr (M <= 2) {  // rows in one pass: two read memory at half its speed
    for (; d + 96 < rows.dim; d += 128, rows.ahead.lines = 0)
      sum_tile_bf16<M, 4>(weight, rows, d, out, out_stride);
  }
  for (; d + 32 < rows.dim; d += 64, rows.ahead.lines = 0)
    sum_tile_bf16<M, 2>(weight, rows, d, out, out_stride);
  if (d < rows.dim) sum_tile_bf16<M, 1>(weight, rows, d, out, out_stride);
}

static void sum_rows_bf16(FloatRows weight, const RowBlock &all, float *out, int64_t out_stride) {
  RowBlock rows = all;
  for (int64_t passes = (weight.rows + 3) / 4; passes > 0; --passes) {
    int64_t m = (weight.rows + passes - 1) / passes;
    if (m == 1) sum_some_bf16<1>(weight, rows, out, out_stride);
    if (m == 2) sum_some_bf16<2>(weight, rows, out, out_stride);
    if (m == 3) sum_some_bf16<3>(weight, rows, out, out_stride);
    if (m == 4) sum_some_bf16<4>(weight, rows, out, out_stride);
    weight = {weight.data + m * weight.stride, weight.stride, weight.rows - m};
    out += m * out_stride;
    rows.ahead.lines = 0;
  }
}
