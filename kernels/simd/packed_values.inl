// Weighted sums of packed values: lane = channel, unsigned weights times signed levels, or, where weights have
// 16 bits or become signed by the tokens' scales (kSigned), unsigned levels times signed weights. Needs
// packed_unpack.inl. Not self-contained: included by level_*.cpp and packed_*.cpp.

/// Part of a block that a sum covers, and its scaling: out += scale * step * integers + zero * offset, where
/// scale and zero are those of the channels, or 1 if there are none.
struct ValuePart {
  int64_t first_token, tokens;     ///< multiples of 4
  int64_t first_column, columns;   ///< of 16 channels
  const PackedMeta *channel_meta;  ///< nullable
  int64_t meta_at;                 ///< its index of channel 0
};

template <int M>
struct WeightRows {
  const uint8_t *high[M], *low[M];
  RoundedGroup group[M];
};

/// Adds products of bytes of M rows of weights with P columns.
template <int M, int P, int B, bool kSigned>
KVERN_INLINE void add_columns(const LevelSource &levels, int64_t row, const ValuePart &part, int64_t column,
                              const uint8_t *const (&x)[M], Prefetcher &prefetch, __m512i (&sum)[M][P]) {
  int64_t unit = part.first_token / 4 * row + column;
  for (int64_t t = 0; t < part.tokens; t += 4, unit += row) {
    __m512i level[P];
    load_levels<B, P>(levels, unit, level);
    prefetch.lines<P *(B == 0 ? 8 : B) / 8>();
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const __m512i four = broadcast_4(x[m] + t);
      KVERN_UNROLL
      for (int p = 0; p < P; ++p)
        kSigned ? dot_bytes(sum[m][p], level[p], four) : dot_bytes(sum[m][p], four, level[p]);
    }
  }
}

/// P columns of M accumulators.
template <int M, int P, int B, bool kWide, bool kSigned>
static void sum_columns(const LevelSource &levels, int64_t row, const ValuePart &part, int64_t column,
                        const WeightRows<M> &w, Prefetcher &prefetch, float *out, int64_t out_stride) {
  __m512i sum[M][P];
  KVERN_UNROLL
  for (int i = 0; i < M * P; ++i)
    sum[i / P][i % P] = kSigned && !kWide ? _mm512_set1_epi32(-w.group[i / P].correction) : _mm512_setzero_si512();
  add_columns<M, P, B, kSigned>(levels, row, part, column, w.high, prefetch, sum);
  if constexpr (kWide) {
    KVERN_UNROLL
    for (int i = 0; i < M * P; ++i) {
      __m512i &one = sum[i / P][i % P];
      one = _mm512_sub_epi32(_mm512_slli_epi32(one, 8), _mm512_set1_epi32(w.group[i / P].correction));
    }
    add_columns<M, P, B, kSigned>(levels, row, part, column, w.low, prefetch, sum);
  }
  KVERN_UNROLL
  for (int i = 0; i < M * P; ++i) {
    const int m = i / P, p = i % P;
    const int64_t channel = (column + p) * kWidth;
    const Vec dot = _mm512_cvtepi32_ps(sum[m][p]);
    Vec scale = set1(w.group[m].step), offset = set1(w.group[m].offset);
    if (part.channel_meta) {
      scale = mul(scale, load_as<Dtype::f16>(part.channel_meta->scales, part.meta_at + channel));
      offset = mul(offset, load_zeros(*part.channel_meta, part.meta_at + channel, kWidth));
    }
    float *to = out + m * out_stride + channel;
    store(to, add(fma(scale, dot, load(to)), offset));
  }
}

template <int M, int B, bool kWide, bool kSigned>
static void sum_part(const LevelSource &levels, int64_t row, const ValuePart &part, const WeightRows<M> &w,
                     Prefetcher &prefetch, float *out, int64_t out_stride) {
  int64_t column = part.first_column, end = column + part.columns;
  for (; column + 4 <= end; column += 4)
    sum_columns<M, 4, B, kWide, kSigned>(levels, row, part, column, w, prefetch, out, out_stride);
  if constexpr (B == 0) {
    for (; column + 2 <= end; column += 2)
      sum_columns<M, 2, B, kWide, kSigned>(levels, row, part, column, w, prefetch, out, out_stride);
    if (column < end)
      sum_columns<M, 1, B, kWide, kSigned>(levels, row, part, column, w, prefetch, out, out_stride);
  }
}

template <int M>
KVERN_INLINE void put_offsets(const Vec (&offset)[M], WeightRows<M> &w) {
  float sums[4];
  sum_all(offset, sums);
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) w.group[m].offset = sums[m];
}

/// Rounds M rows of n weights, n a multiple of 16, negative only if kSigned; top holds their maximum
/// magnitude.
template <int M, bool kWide, bool kSigned>
KVERN_INLINE void round_rows(const float *const (&x)[M], int64_t n, const Vec (&top)[M],
                             const IntegerWorkspace &workspace, WeightRows<M> &w) {
  static_assert(!kWide || kSigned);
  const RowSteps<M> steps(top, kWide ? kMaxOf16 : kSigned ? kMaxOf8 : 255.0f, 1.0f / 127.0f);
  uint8_t *const w_high = workspace.w_high, *const w_low = workspace.w_low;
  const int64_t stride = workspace.w_stride;
  Vec inverse[M];
  __m512i sum[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    sum[m] = _mm512_setzero_si512();
    inverse[m] = set1(steps.inverse[m]);
    w.group[m].step = steps.step[m];
    w.high[m] = w_high + m * stride, w.low[m] = w_low + m * stride;
  }
  for (int64_t i = 0; i < n; i += kWidth) {
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      __m512i whole = _mm512_cvtps_epi32(mul(load(x[m] + i), inverse[m]));
      if constexpr (kSigned) sum[m] = _mm512_add_epi32(sum[m], whole);
      if constexpr (kWide)
        _mm_storeu_si128(reinterpret_cast<__m128i *>(w_low + m * stride + i), split_words(whole));
      _mm_storeu_si128(reinterpret_cast<__m128i *>(w_high + m * stride + i), _mm512_cvtepi32_epi8(whole));
    }
  }
  if constexpr (kSigned) {
    int32_t sums[4];
    sum_all(sum, sums);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) w.group[m].correction = 128 * sums[m];
  }
}

/// Weights of M queries times the tokens' scales.
template <int M, bool kWide>
KVERN_INLINE void round_scaled_weights(const PackedMeta &meta, int64_t at, const FloatRows &weight, int64_t n,
                                       const IntegerWorkspace &workspace, WeightRows<M> &w) {
  float *const scaled = workspace.scaled;
  const float *const data = weight.data;
  const int64_t scaled_stride = workspace.scaled_stride, stride = weight.stride;
  Vec top[M], offset[M];
  const float *x[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) top[m] = offset[m] = zero(), x[m] = scaled + m * scaled_stride;
  for (int64_t i = 0; i < n; i += kWidth) {
    const Vec scale = load_as<Dtype::f16>(meta.scales, at + i), zeros = load_zeros(meta, at + i, kWidth);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec p = load(data + m * stride + i), y = mul(p, scale);
      store(scaled + m * scaled_stride + i, y);
      top[m] = max_of(top[m], abs_of(y));
      offset[m] = fma(p, zeros, offset[m]);
    }
  }
  put_offsets(offset, w);
  round_rows<M, kWide, true>(x, n, top, workspace, w);
}

/// Weights of M queries as they are.
template <int M, bool kWide>
KVERN_INLINE void round_weights(const FloatRows &weight, int64_t n, const IntegerWorkspace &workspace,
                                WeightRows<M> &w) {
  Vec top[M], offset[M];
  const float *x[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) top[m] = offset[m] = zero(), x[m] = weight.data + m * weight.stride;
  for (int64_t i = 0; i < n; i += kWidth) {
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec p = load(x[m] + i);
      top[m] = max_of(top[m], p);
      offset[m] = add(offset[m], p);
    }
  }
  put_offsets(offset, w);
  round_rows<M, kWide, kWide>(x, n, top, workspace, w);
}

/// Values whose tokens have scales: one group of channels after the other. `n` is a multiple of 16.
template <int M, int B, bool kWide>
static void sum_per_token(const PackedTensor &values, const PackedMeta &meta, const LevelSource &levels,
                          int64_t n, const FloatRows &weight, const IntegerWorkspace &workspace, Prefetcher &prefetch,
                          float *out, int64_t out_stride) {
  const int64_t columns = values.layout->dim_padded / 16, step = values.format->group / 16;
  WeightRows<M> w;
  for (int64_t g = 0; g < values.layout->groups; ++g) {
    round_scaled_weights<M, kWide>(meta, g * values.layout->group_stride, weight, n, workspace, w);
    const int64_t left = columns - g * step;
    const ValuePart part = {0, n, g * step, left < step ? left : step, nullptr, 0};
    sum_part<M, B, kWide, true>(levels, columns, part, w, prefetch, out, out_stride);
  }
}

/// Values whose channels have scales: one group of tokens after the other. `n` is a multiple of 16.
template <int M, int B, bool kWide>
static void sum_per_channel(const PackedTensor &values, const PackedMeta &meta, const LevelSource &levels,
                            int64_t n, const FloatRows &weight, const IntegerWorkspace &workspace, Prefetcher &prefetch,
                            float *out, int64_t out_stride) {
  const int64_t columns = values.layout->dim_padded / 16, group = values.format->group;
  WeightRows<M> w;
  for (int64_t first = 0, g = 0; first < n; first += group, ++g) {
    const int64_t tokens = n - first < group ? n - first : group;
    round_weights<M, kWide>({weight.data + first, weight.stride, M}, tokens, workspace, w);
    const ValuePart part = {first, tokens, 0, columns, &meta, g * values.layout->group_stride};
    sum_part<M, B, kWide, kWide>(levels, columns, part, w, prefetch, out, out_stride);
  }
}

template <int M, int B, bool kWide>
static void sum_queries(const PackedTensor &values, const PackedMeta &meta, const LevelSource &levels,
                        int64_t n, const FloatRows &weight, const IntegerWorkspace &workspace, Prefetcher &prefetch, float *out,
                        int64_t out_stride) {
  const bool by_token = values.format->axis == quant::Axis::token;
  (by_token ? sum_per_token<M, B, kWide> : sum_per_channel<M, B, kWide>)(values, meta, levels, n, weight,
                                                                         workspace, prefetch, out, out_stride);
}

template <int B, bool kWide>
static void sum_by_fours(const PackedTensor &values, const PackedMeta &meta, const LevelSource &levels,
                         int64_t n, const FloatRows &weight, const IntegerWorkspace &workspace, float *out,
                         int64_t out_stride) {
  const int64_t all = (weight.rows + 3) / 4;
  Prefetcher prefetch(workspace.ahead, meta.scales, all * (kWide ? 2 : 1));
  int64_t first = 0;
  for (int64_t passes = all; passes > 0; --passes) {
    const int64_t m = (weight.rows - first + passes - 1) / passes;
    const FloatRows some = {weight.data + first * weight.stride, weight.stride, m};
    float *to = out + first * out_stride;
    if (m == 1) sum_queries<1, B, kWide>(values, meta, levels, n, some, workspace, prefetch, to, out_stride);
    if (m == 2) sum_queries<2, B, kWide>(values, meta, levels, n, some, workspace, prefetch, to, out_stride);
    if (m == 3) sum_queries<3, B, kWide>(values, meta, levels, n, some, workspace, prefetch, to, out_stride);
    if (m == 4) sum_queries<4, B, kWide>(values, meta, levels, n, some, workspace, prefetch, to, out_stride);
    first += m;
  }
  prefetch.finish();
}

static void sum_values(const PackedTensor &values, const std::byte *block, int64_t n, const FloatRows &weight,
                       const IntegerWorkspace &workspace, float *out, int64_t out_stride) {
  const quant::TensorLayout &layout = *values.layout;
  const PackedMeta meta = meta_of(values, block);
  const int bits = values.format->bits;
  const std::byte *codes = block + layout.codes;
  const bool fours = layout.dim_padded % 64 == 0 &&
                     (values.format->axis == quant::Axis::channel || values.format->group >= 64);
  const int bias = values.format->axis == quant::Axis::token && bits != 8 ? 128 : 0;
  LevelSource levels = level_source(bits, layout.units, bias, codes);
  auto by_fours = bits == 8   ? sum_by_fours<0, true>
                  : bits == 4 ? sum_by_fours<4, false>
                  : bits == 3 ? sum_by_fours<3, false>
                  : bits == 2 ? sum_by_fours<2, false>
                              : sum_by_fours<1, false>;
  if (bits != 8 && !fours) {
    levels.codes = unpack(bits, layout.units, bias, codes, workspace.levels);
    by_fours = sum_by_fours<0, false>;
  }
  by_fours(values, meta, levels, (n + kWidth - 1) / kWidth * kWidth, weight, workspace, out, out_stride);
}
