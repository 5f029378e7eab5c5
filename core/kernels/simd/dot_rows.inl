// Dot products of a few f32 rows with many rows of any format: logits of keys, and matrix-vector products.
// Several rows are walked together. No include of its own.

KVERN_INLINE void prefetch_pair(const void *data, Dtype type, int64_t i) {
  const char *p = static_cast<const char *>(data) + i * size_of(type);
  __builtin_prefetch(p);
  if (2 * kWidth * size_of(type) > 64) __builtin_prefetch(p + 64);
}

template <Dtype T, int M, int R>
KVERN_INLINE void dot_tail(const FloatRows &x, const RowBlock &rows, int64_t at, int64_t d,
                           Vec (&acc)[M][R]) {
  for (; d < rows.dim; d += kWidth) {
    int64_t n = rows.dim - d;
    KVERN_UNROLL
    for (int r = 0; r < R; ++r) {
      int64_t i = at + r * rows.stride + d;
      Vec w = n >= kWidth ? load_as<T>(rows.data, i) : load_as_n<T>(rows.data, i, n);
      KVERN_UNROLL
      for (int m = 0; m < M; ++m) acc[m][r] = fma(load(x.data + m * x.stride + d), w, acc[m][r]);
    }
  }
}

/// M rows of x with R rows that begin at row `row`.
template <Dtype T, int M, int R>
KVERN_INLINE void dot_tile(const FloatRows &x, const RowBlock &rows, int64_t row, float *out,
                           int64_t out_stride) {
  Vec acc[M][R];
  KVERN_UNROLL
  for (int i = 0; i < M * R; ++i) acc[i / R][i % R] = zero();
  int64_t at = row * rows.stride, d = 0;
  for (; d + 2 * kWidth <= rows.dim; d += 2 * kWidth) {
    Vec xa[M], xb[M];
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      xa[m] = load(x.data + m * x.stride + d);
      xb[m] = load(x.data + m * x.stride + d + kWidth);
    }
    KVERN_UNROLL
    for (int r = 0; r < R; ++r) {
      Vec a, b;
      load_pair<T>(rows.data, at + r * rows.stride + d, a, b);
      prefetch_pair(rows.data, T, at + r * rows.stride + d + rows.ahead);
      KVERN_UNROLL
      for (int m = 0; m < M; ++m) {
        acc[m][r] = fma(xa[m], a, acc[m][r]);
        acc[m][r] = fma(xb[m], b, acc[m][r]);
      }
    }
  }
  if (d < rows.dim) dot_tail<T, M, R>(x, rows, at, d, acc);
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    int r = 0;
    if constexpr (R >= 4) reduce_add_4(&acc[m][0], out + m * out_stride + row);
    if constexpr (R >= 8) reduce_add_4(&acc[m][4], out + m * out_stride + row + 4);
    if constexpr (R >= 4) r = R;
    for (; r < R; ++r) out[m * out_stride + row + r] = reduce_add(acc[m][r]);
  }
}

template <Dtype T, int M>
static void dot_some(const FloatRows &x, const RowBlock &rows, float *out, int64_t out_stride) {
  constexpr int kRows = M * 8 <= 4 * kScoreQueries ? 8 : 4;
  int64_t row = 0;
  for (; row + kRows <= rows.rows; row += kRows) dot_tile<T, M, kRows>(x, rows, row, out, out_stride);
  for (; row < rows.rows; ++row) dot_tile<T, M, 1>(x, rows, row, out, out_stride);
}

template <Dtype T>
static void dot_typed(FloatRows x, const RowBlock &rows, float *out, int64_t out_stride) {
  int64_t passes = (x.rows + kScoreQueries - 1) / kScoreQueries;
  // a group of rows is read by all of x before the next group, so that memory is read once
  constexpr int64_t kGroup = 8;
  for (int64_t begin = 0; begin<rows.rows; begin += passes> 1 ? kGroup : rows.rows) {
    RowBlock part = rows;
    part.data = element_at(rows.data, T, begin * rows.stride);
    part.rows = passes > 1 && rows.rows - begin > kGroup ? kGroup : rows.rows - begin;
    FloatRows left = x;
    float *to = out + begin;
    for (int64_t pass = 0; pass < passes; ++pass) {
      int64_t m = (left.rows + passes - pass - 1) / (passes - pass);
      if (m == 1) dot_some<T, 1>(left, part, to, out_stride);
      if (m == 2) dot_some<T, 2>(left, part, to, out_stride);
      if constexpr (kScoreQueries >= 4) {
        if (m == 3) dot_some<T, 3>(left, part, to, out_stride);
        if (m == 4) dot_some<T, 4>(left, part, to, out_stride);
      }
      left = {left.data + m * left.stride, left.stride, left.rows - m};
      to += m * out_stride;
    }
  }
}

static void dot_rows(FloatRows x, const RowBlock &rows, float *out, int64_t out_stride) {
  if (rows.type == Dtype::f32) dot_typed<Dtype::f32>(x, rows, out, out_stride);
  if (rows.type == Dtype::bf16) dot_typed<Dtype::bf16>(x, rows, out, out_stride);
  if (rows.type == Dtype::f16) dot_typed<Dtype::f16>(x, rows, out, out_stride);
}
