// f32 GEMM of a tile: rows of a, broadcast, times a packed panel of two vectors' width. Not self-contained:
// included by level_*.cpp.

template <int M>
static void gemm_tile(const float *a, int64_t a_stride, int64_t k, const float *panel, float *c,
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
      acc[m][0] = fma(x, b0, acc[m][0]);
      acc[m][1] = fma(x, b1, acc[m][1]);
    }
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    store(c + m * c_stride, acc[m][0]);
    store(c + m * c_stride + kWidth, acc[m][1]);
  }
}

template <int M>
static void gemm_rest(const FloatRows &a, int64_t k, const float *panel, float *c, int64_t c_stride,
                      bool accumulate) {
  if constexpr (M > 0) {
    if (a.rows == M) {
      gemm_tile<M>(a.data, a.stride, k, panel, c, c_stride, accumulate);
    } else {
      gemm_rest<M - 1>(a, k, panel, c, c_stride, accumulate);
    }
  }
}

static void gemm_panel(FloatRows a, int64_t k, const float *panel, float *c, int64_t c_stride,
                       bool accumulate) {
  for (; a.rows >= kGemmRows; a.rows -= kGemmRows) {
    gemm_tile<kGemmRows>(a.data, a.stride, k, panel, c, c_stride, accumulate);
    a.data += kGemmRows * a.stride;
    c += kGemmRows * c_stride;
  }
  gemm_rest<kGemmRows - 1>(a, k, panel, c, c_stride, accumulate);
}

template <Dtype T>
static void pack_columns_typed(const RowBlock &rows, float *panel) {
  for (int64_t d = 0; d < rows.dim; d += kWidth) {
    int64_t n = rows.dim - d < kWidth ? rows.dim - d : kWidth;
    for (int64_t r = 0; r < 2 * kWidth; r += kWidth) {
      Vec v[kWidth];
      KVERN_UNROLL
      for (int i = 0; i < kWidth; ++i) {
        int64_t at = (r + i) * rows.stride + d;
        v[i] = r + i >= rows.rows ? zero()
               : n == kWidth      ? load_as<T>(rows.data, at)
                                  : load_as_n<T>(rows.data, at, n);
      }
      transpose(v);
      for (int64_t i = 0; i < n; ++i) store(panel + (d + i) * 2 * kWidth + r, v[i]);
    }
  }
}

static void pack_columns(const RowBlock &rows, float *panel) {
  if (rows.type == Dtype::f32) pack_columns_typed<Dtype::f32>(rows, panel);
  if (rows.type == Dtype::bf16) pack_columns_typed<Dtype::bf16>(rows, panel);
  if (rows.type == Dtype::f16) pack_columns_typed<Dtype::f16>(rows, panel);
}

template <Dtype T>
static void pack_rows_typed(const RowBlock &rows, float *panel) {
  for (int64_t r = 0; r < rows.rows; ++r) {
    for (int64_t d = 0; d < 2 * kWidth; d += kWidth) {
      int64_t n = rows.dim - d;
      Vec v = n >= kWidth ? load_as<T>(rows.data, r * rows.stride + d)
              : n > 0     ? load_as_n<T>(rows.data, r * rows.stride + d, n)
                          : zero();
      store(panel + r * 2 * kWidth + d, v);
    }
  }
}

static void pack_rows(const RowBlock &rows, float *panel) {
  if (rows.type == Dtype::f32) pack_rows_typed<Dtype::f32>(rows, panel);
  if (rows.type == Dtype::bf16) pack_rows_typed<Dtype::bf16>(rows, panel);
  if (rows.type == Dtype::f16) pack_rows_typed<Dtype::f16>(rows, panel);
}
