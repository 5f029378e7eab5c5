// Weighted sums of many rows of any dtype into a few f32 rows: values of an attention, and products with a
// [K, N] weight matrix. Not self-contained: included by level_*.cpp.

/// P pairs of vectors at element d of M outputs, over all rows.
template <Dtype T, int M, int P>
static void sum_tile(const FloatRows &weight, const RowBlock &rows, int64_t d, float *out,
                     int64_t out_stride) {
  Vec acc[M][2 * P];
  KVERN_UNROLL
  for (int i = 0; i < M * 2 * P; ++i) {
    acc[i / (2 * P)][i % (2 * P)] = load(out + i / (2 * P) * out_stride + d + i % (2 * P) * kWidth);
  }
  for (int64_t r = 0; r < rows.rows; ++r) {
    prefetch_rows<1>(rows.ahead, r);
    Vec v[2 * P];
    KVERN_UNROLL
    for (int p = 0; p < P; ++p)
      load_pair<T>(rows.data, r * rows.stride + d + 2 * p * kWidth, v[2 * p], v[2 * p + 1]);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      Vec w = set1(weight.data[m * weight.stride + r]);
      KVERN_UNROLL
      for (int i = 0; i < 2 * P; ++i) acc[m][i] = fma(w, v[i], acc[m][i]);
    }
  }
  KVERN_UNROLL
  for (int i = 0; i < M * 2 * P; ++i) {
    store(out + i / (2 * P) * out_stride + d + i % (2 * P) * kWidth, acc[i / (2 * P)][i % (2 * P)]);
  }
}

template <Dtype T>
static void sum_tail(const FloatRows &weight, const RowBlock &rows, int64_t d, float *out,
                     int64_t out_stride) {
  for (; d < rows.dim; d += kWidth) {
    int64_t n = rows.dim - d;
    for (int64_t m = 0; m < weight.rows; ++m) {
      Vec acc = load(out + m * out_stride + d);
      for (int64_t r = 0; r < rows.rows; ++r) {
        int64_t i = r * rows.stride + d;
        Vec v = n >= kWidth ? load_as<T>(rows.data, i) : load_as_n<T>(rows.data, i, n);
        acc = fma(set1(weight.data[m * weight.stride + r]), v, acc);
      }
      store(out + m * out_stride + d, acc);
    }
  }
}

template <Dtype T, int M>
static void sum_some(const FloatRows &weight, RowBlock rows, float *out, int64_t out_stride) {
  constexpr int kPairs = M * 2 <= kScoreQueries ? 4 : 2;
  int64_t d = 0;
  for (; d + 2 * kPairs * kWidth <= rows.dim; d += 2 * kPairs * kWidth, rows.ahead.lines = 0) {
    sum_tile<T, M, kPairs>(weight, rows, d, out, out_stride);
  }
  if constexpr (kPairs > 2) {
    if (d + 4 * kWidth <= rows.dim) {
      sum_tile<T, M, 2>(weight, rows, d, out, out_stride);
      d += 4 * kWidth;
    }
  }
  if (d + 2 * kWidth <= rows.dim) {
    sum_tile<T, M, 1>(weight, rows, d, out, out_stride);
    d += 2 * kWidth;
  }
  if (d < rows.dim) sum_tail<T>(weight, rows, d, out, out_stride);
}

template <Dtype T>
static void sum_typed(FloatRows weight, const RowBlock &all, float *out, int64_t out_stride) {
  RowBlock rows = all;
  // two rows of weights leave registers for 8 vectors of each: long rows of f32 are then read in one pass
  const int64_t at_once = T == Dtype::f32 && all.dim >= 8 * kWidth && kScoreQueries > 2 ? 2 : kScoreQueries;
  int64_t passes = (weight.rows + at_once - 1) / at_once;
  for (int64_t pass = 0; pass < passes; ++pass) {
    int64_t m = (weight.rows + passes - pass - 1) / (passes - pass);
    FloatRows some = {weight.data, weight.stride, m};
    if (m == 1) sum_some<T, 1>(some, rows, out, out_stride);
    if (m == 2) sum_some<T, 2>(some, rows, out, out_stride);
    if constexpr (kScoreQueries >= 4) {
      if (m == 3) sum_some<T, 3>(some, rows, out, out_stride);
      if (m == 4) sum_some<T, 4>(some, rows, out, out_stride);
    }
    weight = {weight.data + m * weight.stride, weight.stride, weight.rows - m};
    out += m * out_stride;
    rows.ahead.lines = 0;
  }
}

static void sum_rows(FloatRows weight, const RowBlock &rows, float *out, int64_t out_stride) {
  if (rows.type == Dtype::f32) sum_typed<Dtype::f32>(weight, rows, out, out_stride);
  if (rows.type == Dtype::bf16) sum_typed<Dtype::bf16>(weight, rows, out, out_stride);
  if (rows.type == Dtype::f16) sum_typed<Dtype::f16>(weight, rows, out, out_stride);
}

/// Streams R long rows, row r and those at distances of `apart` after it.
template <Dtype T, int R>
static void sum_long_tile(const FloatRows &weight, const RowBlock &rows, int64_t r, int64_t apart, float *out,
                          int64_t out_stride) {
  int64_t d = 0;
  for (; d + 2 * kWidth <= rows.dim; d += 2 * kWidth) {
    Vec v[2 * R];
    KVERN_UNROLL
    for (int i = 0; i < R; ++i)
      load_pair<T>(rows.data, (r + i * apart) * rows.stride + d, v[2 * i], v[2 * i + 1]);
    for (int64_t m = 0; m < weight.rows; ++m) {
      float *to = out + m * out_stride + d;
      Vec a = load(to), b = load(to + kWidth);
      KVERN_UNROLL
      for (int i = 0; i < R; ++i) {
        Vec w = set1(weight.data[m * weight.stride + r + i * apart]);
        a = fma(w, v[2 * i], a);
        b = fma(w, v[2 * i + 1], b);
      }
      store(to, a);
      store(to + kWidth, b);
    }
  }
  for (int i = 0; i < R && d < rows.dim; ++i) {
    RowBlock part = rows;
    part.data = element_at(rows.data, T, (r + i * apart) * rows.stride);
    part.rows = 1;
    sum_tail<T>({weight.data + r + i * apart, weight.stride, weight.rows}, part, d, out, out_stride);
  }
}

template <Dtype T, int R>
static void sum_long_streams(const FloatRows &weight, const RowBlock &rows, float *out, int64_t out_stride) {
  const int64_t apart = rows.rows / R;
  for (int64_t r = 0; r < apart; ++r) sum_long_tile<T, R>(weight, rows, r, apart, out, out_stride);
  for (int64_t r = apart * R; r < rows.rows; ++r) sum_long_tile<T, 1>(weight, rows, r, 0, out, out_stride);
}

/// Memory is read fastest in four streams; for several accumulators longer tiles are faster.
template <Dtype T>
static void sum_long_typed(const FloatRows &weight, const RowBlock &rows, float *out, int64_t out_stride) {
  const bool alone = kWidth < 16 || weight.rows == 1;
  (alone ? sum_long_streams<T, 4> : sum_long_streams < T, kWidth == 16 ? 8 : 4 >)(weight, rows, out,
                                                                                  out_stride);
}

static void sum_long_rows(FloatRows weight, const RowBlock &rows, float *out, int64_t out_stride) {
  if (rows.type == Dtype::f32) sum_long_typed<Dtype::f32>(weight, rows, out, out_stride);
  if (rows.type == Dtype::bf16) sum_long_typed<Dtype::bf16>(weight, rows, out, out_stride);
  if (rows.type == Dtype::f16) sum_long_typed<Dtype::f16>(weight, rows, out, out_stride);
}
