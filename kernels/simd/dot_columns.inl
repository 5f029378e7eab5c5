// Dot products of several f32 rows with many rows of any format, a vector's width of rows at a time: a block
// of kWidth rows is transposed: lane i accumulates the product with row i. The transpose costs the same for
// any number of rows of x; dot_rows.inl, for few rows, accumulates within vectors. Not self-contained:
// included by level_*.cpp.

/// One element at a time.
template <Dtype T>
struct Singles {
  static constexpr Dtype type = T;
  static constexpr int kElements = kWidth;
  static KVERN_INLINE_MEMBER Vec load_row(const void *data, int64_t i) { return load_as<T>(data, i); }
  static KVERN_INLINE_MEMBER Vec load_row_n(const void *data, int64_t i, int64_t n) {
    return load_as_n<T>(data, i, n);
  }
  static KVERN_INLINE_MEMBER Vec multiply(Vec sum, const float *x, Vec row) {
    return fma(set1(*x), row, sum);
  }
};

/// Elements [d, d + Kind::kElements) of rows [0, n), transposed: v[i] holds element i of each row.
template <class Kind>
KVERN_INLINE void transpose_rows(const RowBlock &rows, const void *data, int64_t n, int64_t d, Vec (&v)[kWidth]) {
  if (n >= kWidth && d + Kind::kElements <= rows.dim) {
    KVERN_UNROLL
    for (int i = 0; i < kWidth; ++i) v[i] = Kind::load_row(data, i * rows.stride + d);
  } else {
    const int64_t elements = rows.dim - d < Kind::kElements ? rows.dim - d : Kind::kElements;
    for (int i = 0; i < kWidth; ++i)
      v[i] = i < n ? Kind::load_row_n(data, i * rows.stride + d, elements) : zero();
  }
  transpose(v);
}

/// M rows of x, element by element: x[i * M + m] is element i of row m; with one block of n <= kWidth rows at `data`.
template <class Kind, int M>
static void dot_block(const float *x, const RowBlock &rows, const void *data, int64_t n, const char *ahead,
                      float *out, int64_t out_stride) {
  constexpr int kChains =
      M <= 4 ? 2 : 1;  // independent accumulators of one dot product, to hide latency
  Vec acc[M][kChains];
  KVERN_UNROLL
  for (int i = 0; i < M * kChains; ++i) acc[i / kChains][i % kChains] = zero();
  for (int64_t d = 0; d < rows.dim; d += Kind::kElements, x += kWidth * M) {
    Vec v[kWidth];
    transpose_rows<Kind>(rows, data, n, d, v);
    KVERN_UNROLL
    for (int i = 0; i < kWidth; ++i) {
      if (ahead) __builtin_prefetch(ahead + i * rows.ahead.stride + d * size_of(Kind::type), 0, 2);
      KVERN_UNROLL
      for (int m = 0; m < M; ++m)
        acc[m][i % kChains] = Kind::multiply(acc[m][i % kChains], x + i * M + m, v[i]);
    }
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    Vec sum = kChains == 2 ? add(acc[m][0], acc[m][kChains - 1]) : acc[m][0];
    n >= kWidth ? store(out + m * out_stride, sum) : store_n(out + m * out_stride, sum, n);
  }
}

constexpr int64_t kColumnDim = 256;  // rows up to this long
constexpr int kColumnPass = 8;       // rows of x at once

/// Up to kColumnPass rows of x, in the order that dot_block reads.
struct ColumnQueries {
  float x[kColumnDim * kColumnPass];
  int64_t rows;

  void take(const FloatRows &from, int64_t elements) {
    rows = from.rows;
    for (int64_t i = 0; i < elements; ++i) {
      for (int64_t m = 0; m < rows; ++m) x[i * rows + m] = from.data[m * from.stride + i];
    }
  }
};

template <class Kind, int M>
KVERN_INLINE void dot_block_any(const ColumnQueries &x, const RowBlock &rows, const void *data, int64_t n,
                                const char *ahead, float *out, int64_t out_stride) {
  if (x.rows == M) return dot_block<Kind, M>(x.x, rows, data, n, ahead, out, out_stride);
  if constexpr (M > 1) dot_block_any<Kind, M - 1>(x, rows, data, n, ahead, out, out_stride);
}

/// At most 2 * kColumnPass rows of x, and rows of up to kColumnDim elements; x is padded with zeros to whole
/// vectors.
template <class Kind>
static void dot_columns(const FloatRows &x, const RowBlock &rows, float *out, int64_t out_stride) {
  ColumnQueries some[2];
  const int64_t elements = (rows.dim + Kind::kElements - 1) / Kind::kElements * kWidth;
  const int64_t second = x.rows > kColumnPass ? x.rows / 2 : 0, first = x.rows - second;
  some[0].take({x.data, x.stride, first}, elements);
  if (second > 0) some[1].take({x.data + first * x.stride, x.stride, second}, elements);
  for (int64_t r = 0; r < rows.rows; r += kWidth) {
    const int64_t n = rows.rows - r < kWidth ? rows.rows - r : kWidth;
    const void *data = element_at(rows.data, Kind::type, r * rows.stride);
    const char *ahead = rows.ahead.lines > 0 ? rows.ahead.data + r * rows.ahead.stride : nullptr;
    dot_block_any<Kind, kColumnPass>(some[0], rows, data, n, ahead, out + r, out_stride);
    if (second > 0)
      dot_block_any<Kind, kColumnPass>(some[1], rows, data, n, nullptr, out + first * out_stride + r,
                                       out_stride);
  }
}
