// Dot products of a few f32 rows with many rows of any format: logits of keys, and matrix-vector products.
// Several rows, as far apart as the block allows, are read in parallel, so that memory is read in as many
// long streams. Not self-contained: included by level_*.cpp.

/// Keeps the compiler from hoisting address computations that it has no registers for.
template <class P>
KVERN_INLINE P opaque(P p) {
  __asm__("" : "+r"(p));
  return p;
}

/// Rows of a tile: R rows of the block, `apart` elements from one to the next.
struct Tile {
  const float *x;
  int64_t x_stride;
  const void *data;
  int64_t apart, dim;
};

template <Dtype T, int M, int R>
KVERN_INLINE void dot_step(const Tile &t, int64_t d, Vec (&acc)[M][R]) {
  Vec xa[M], xb[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    xa[m] = load(t.x + m * t.x_stride + d);
    xb[m] = load(t.x + m * t.x_stride + d + kWidth);
  }
  KVERN_UNROLL
  for (int r = 0; r < R; ++r) {
    Vec a, b;
    load_pair<T>(t.data, r * t.apart + d, a, b);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      acc[m][r] = fma(xa[m], a, acc[m][r]);
      acc[m][r] = fma(xb[m], b, acc[m][r]);
    }
  }
}

/// The rest of a row that does not fill a pair of vectors.
template <Dtype T, int M, int R>
KVERN_INLINE void dot_tail(const Tile &t, int64_t d, Vec (&acc)[M][R]) {
  for (; d < t.dim; d += kWidth) {
    int64_t n = t.dim - d;
    KVERN_UNROLL
    for (int r = 0; r < R; ++r) {
      int64_t i = r * t.apart + d;
      Vec w = n >= kWidth ? load_as<T>(t.data, i) : load_as_n<T>(t.data, i, n);
      KVERN_UNROLL
      for (int m = 0; m < M; ++m) acc[m][r] = fma(load(t.x + m * t.x_stride + d), w, acc[m][r]);
    }
  }
}

/// acc[m][r] adds up to x[m] . row r. D is the rows' length if that is one of the usual head sizes, else 0.
template <Dtype T, int M, int R, int D>
KVERN_INLINE void dot_tile(const Tile &t, Vec (&acc)[M][R]) {
  KVERN_UNROLL
  for (int i = 0; i < M * R; ++i) acc[i / R][i % R] = zero();
  if constexpr (D > 0) {
    KVERN_UNROLL
    for (int d = 0; d < D; d += 2 * kWidth) dot_step<T, M, R>(t, d, acc);
  } else {
    int64_t d = 0;
    for (; d + 2 * kWidth <= t.dim; d += 2 * kWidth) dot_step<T, M, R>(t, d, acc);
    if (d < t.dim) dot_tail<T, M, R>(t, d, acc);
  }
}

constexpr int64_t kSpan = 16;  // rows of each stream whose results are reordered together

/// in[i][r] becomes out[r][i], for n <= kSpan rows of R streams.
template <int R>
KVERN_INLINE void unzip(const float *in, float *out, int64_t apart, int64_t n) {
  if constexpr (R == 4) {
    if (n == kSpan) return unzip_16(in, out, apart);
  }
  for (int r = 0; r < R; ++r) {
    for (int64_t i = 0; i < n; ++i) out[r * apart + i] = in[i * R + r];
  }
}

/// Cache lines [first, first + lines) of the rows kSpan rows after those that are read, to be prefetched: none if lines is 0.
/// Each pass over a span prefetches a part of the next one, so that memory is read while x is multiplied.
struct SpanPrefetch {
  int64_t first = 0, lines = 0;

  /// Of pass `pass` of `passes` over rows of so many bytes. One pass alone reads memory as fast without.
  static KVERN_INLINE_MEMBER SpanPrefetch of_pass(int64_t pass, int64_t passes, int64_t row_bytes) {
    if (passes == 1) return {};
    const int64_t lines = row_bytes / 64, first = lines * pass / passes;
    return {first, lines * (pass + 1) / passes - first};
  }
  /// row: the first of R rows that are `apart` bytes apart.
  template <int R>
  KVERN_INLINE_MEMBER void fetch(const void *row, int64_t apart, int64_t row_bytes) const {
    const char *next = static_cast<const char *>(row) + kSpan * row_bytes + first * 64;
    for (int r = 0; r < R; ++r) {
      for (int64_t i = 0; i < lines; ++i) __builtin_prefetch(next + r * apart + i * 64, 0, 2);
    }
  }
};

/// M rows of x with rows [begin, end), at most kSpan, and those at distances of `apart` rows after them.
template <Dtype T, int M, int R, int D>
static void dot_tiles_of(const FloatRows &x, const RowBlock &rows, int64_t begin, int64_t end, int64_t apart,
                         const SpanPrefetch &ahead, float *out, int64_t out_stride) {
  float zipped[M][kSpan * R];
  Tile tile = {x.data, D > 0 ? D : x.stride, element_at(rows.data, T, begin * rows.stride),
               apart * rows.stride, rows.dim};
  const int64_t step = rows.stride;
  for (int64_t i = 0; i < end - begin; ++i) {
    Vec acc[M][R];
    tile.x = opaque(tile.x);
    prefetch_rows<R>(rows.ahead, begin + i);
    ahead.fetch<R>(tile.data, tile.apart * size_of(T), step * size_of(T));
    dot_tile<T, M, R, D>(tile, acc);
    store_accumulators(acc, &zipped[0][i * R], kSpan * R);
    tile.data = element_at(tile.data, T, step);
  }
  for (int m = 0; m < M; ++m) unzip<R>(zipped[m], out + m * out_stride + begin, apart, end - begin);
}

template <Dtype T, int M, int R>
KVERN_INLINE void dot_tiles(const FloatRows &x, const RowBlock &rows, int64_t begin, int64_t end,
                            int64_t apart, const SpanPrefetch &ahead, float *out, int64_t out_stride) {
  constexpr int kShort = R == 1 ? 0 : 64, kLong = R == 1 ? 0 : 128;
  if (rows.dim == kShort && x.stride == kShort) {
    return dot_tiles_of<T, M, R, kShort>(x, rows, begin, end, apart, ahead, out, out_stride);
  }
  if (rows.dim == kLong && x.stride == kLong) {
    return dot_tiles_of<T, M, R, kLong>(x, rows, begin, end, apart, ahead, out, out_stride);
  }
  dot_tiles_of<T, M, R, 0>(x, rows, begin, end, apart, ahead, out, out_stride);
}

/// All of x with R streams of rows, in spans of rows that stay in cache, so that memory is read once.
template <Dtype T, int R>
static void dot_streams(const FloatRows &x, const RowBlock &rows, int64_t first, int64_t apart, float *out,
                        int64_t out_stride) {
  int64_t passes = (x.rows + kScoreQueries - 1) / kScoreQueries;
  for (int64_t begin = first; begin < first + apart; begin += kSpan) {
    int64_t end = begin + kSpan < first + apart ? begin + kSpan : first + apart;
    const bool prefetches = rows.ahead.lines == 0 && end < first + apart;
    FloatRows left = x;
    RowBlock block = rows;
    float *to = out;
    for (int64_t pass = passes; pass > 0; --pass) {
      int64_t m = (left.rows + pass - 1) / pass;
      const auto ahead = SpanPrefetch::of_pass(passes - pass, prefetches ? passes : 1, rows.dim * size_of(T));
      if (m == 1) dot_tiles<T, 1, R>(left, block, begin, end, apart, ahead, to, out_stride);
      if (m == 2) dot_tiles<T, 2, R>(left, block, begin, end, apart, ahead, to, out_stride);
      if constexpr (kScoreQueries >= 4 && R <= 4) {
        if (m == 3) dot_tiles<T, 3, R>(left, block, begin, end, apart, ahead, to, out_stride);
        if (m == 4) dot_tiles<T, 4, R>(left, block, begin, end, apart, ahead, to, out_stride);
      }
      left = {left.data + m * left.stride, left.stride, left.rows - m};
      to += m * out_stride;
      block.ahead.lines = 0;
    }
  }
}

constexpr int64_t kLongRow = 2048;

template <Dtype T>
static void dot_typed(const FloatRows &x, const RowBlock &rows, float *out, int64_t out_stride) {
  if constexpr (kColumnQueries > 0 && T != Dtype::bf16) {
    if (x.rows >= kColumnQueries && x.rows <= 2 * kColumnPass && rows.dim <= kColumnDim)
      return dot_columns<Singles<T>>(x, rows, out, out_stride);
  }
  // Memory is read fastest in four streams. If x alone fills L1, eight rows share one read of it.
  const bool by_8 = T != Dtype::f32 && rows.dim > kLongRow && x.rows * 8 <= kScoreQueries * 4;
  const int64_t apart = rows.rows / (by_8 ? 8 : 4), done = apart * (by_8 ? 8 : 4);
  (by_8 ? dot_streams<T, 8> : dot_streams<T, 4>)(x, rows, 0, apart, out, out_stride);
  dot_streams<T, 1>(x, rows, done, rows.rows - done, out, out_stride);
}

static void dot_rows(FloatRows x, const RowBlock &rows, float *out, int64_t out_stride) {
  if (rows.type == Dtype::f32) dot_typed<Dtype::f32>(x, rows, out, out_stride);
  if (rows.type == Dtype::bf16) dot_typed<Dtype::bf16>(x, rows, out, out_stride);
  if (rows.type == Dtype::f16) dot_typed<Dtype::f16>(x, rows, out, out_stride);
}
