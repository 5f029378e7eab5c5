// Weighted sums of packed values: lane = channel, unsigned weights times signed levels, which take the sign
// of their token's scale where tokens have scales. Needs packed_avx2_unpack.inl. Not self-contained: included
// by level_*.cpp and packed_*.cpp.
//
// Up to 4 bits a step is chosen such that no integer of a weight exceeds 255, and no sum of two neighbours 257 (258 once
// rounded): so the sum of their products with levels up to 127 fits in 16 bits.

/// Magnitude that determines the step: see above.
template <int B>
KVERN_INLINE Vec largest_weight(Vec x) {
  if constexpr (B == 8) return x;
  return max_of(x, mul(add(x, _mm256_permute_ps(x, 0xb1)), set1(255.0f / 257.0f)));
}

/// Part of a block that a sum covers, and its scaling: out += scale * step * integers + zero * offset, where
/// scale and zero are those of the channels, or 1 if there are none.
struct ValuePart {
  int64_t first_token, tokens;     ///< multiples of 4
  int64_t first_column, columns;   ///< of 16 channels
  const PackedMeta *channel_meta;  ///< nullable
  int64_t meta_at;                 ///< its index of channel 0
};

/// M rows of weights in integers: with 8 bits words of tokens at even places, and of the others; else bytes, and the
/// signs of the tokens' scales.
template <int M>
struct WeightRows {
  const uint8_t *high[M], *low[M];
  const uint8_t *signs;
  RoundedGroup group[M];
};

/// Half of P columns times four tokens.
template <int M, int P, int B, bool kSigned>
KVERN_INLINE void dot_tokens(const WeightRows<M> &w, int64_t t, __m256i (&level)[P], __m256i (&sum)[M][P]) {
  KVERN_UNROLL
  for (int p = 0; p < P; ++p) {
    if constexpr (kSigned) level[p] = _mm256_sign_epi8(level[p], broadcast_4(w.signs + t));
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    const __m256i x = broadcast_4(w.high[m] + t);
    KVERN_UNROLL
    for (int p = 0; p < P; ++p) {
      if constexpr (B == 8) {
        sum[m][p] = add_dots(sum[m][p], words_of(level[p]), Words{x, broadcast_4(w.low[m] + t)});
      } else {
        sum[m][p] = add_dots(sum[m][p], x, level[p]);
      }
    }
  }
}

/// Half of P columns of M accumulators.
template <int M, int P, int B, bool kSigned>
KVERN_INLINE void sum_halves(const LevelSource &levels, int64_t row, const ValuePart &part, int64_t column,
                             int64_t half, const WeightRows<M> &w, Prefetcher &prefetch, float *out,
                             int64_t out_stride) {
  __m256i sum[M][P];
  KVERN_UNROLL
  for (int i = 0; i < M * P; ++i) sum[i / P][i % P] = _mm256_set1_epi32(-w.group[i / P].correction);
  int64_t unit = part.first_token / 4 * row + column;
  for (int64_t t = 0; t < part.tokens; t += 4, unit += row) {
    __m256i level[P];
    load_levels<B, P>(levels, unit, half, level);
    if (half == 0) prefetch.lines<(B == 0 || B == 8 ? P : 1)>();
    dot_tokens<M, P, B, kSigned>(w, t, level, sum);
  }
  KVERN_UNROLL
  for (int i = 0; i < M * P; ++i) {
    const int m = i / P, p = i % P;
    const int64_t channel = (column + p) * 16 + half / 4;
    Vec scale = set1(w.group[m].step), offset = set1(w.group[m].offset);
    if (part.channel_meta) {
      scale = mul(scale, load_as<Dtype::f16>(part.channel_meta->scales, part.meta_at + channel));
      offset = mul(offset, load_zeros(*part.channel_meta, part.meta_at + channel, kWidth));
    }
    float *to = out + m * out_stride + channel;
    store(to, add(fma(scale, _mm256_cvtepi32_ps(sum[m][p]), load(to)), offset));
  }
}

template <int M, int P, int B, bool kSigned>
static void sum_columns(const LevelSource &levels, int64_t row, const ValuePart &part, int64_t column,
                        const WeightRows<M> &w, Prefetcher &prefetch, float *out, int64_t out_stride) {
  sum_halves<M, P, B, kSigned>(levels, row, part, column, 0, w, prefetch, out, out_stride);
  sum_halves<M, P, B, kSigned>(levels, row, part, column, 32, w, prefetch, out, out_stride);
}

/// Codes of up to 4 bits only in an even number of columns.
template <int M, int B, bool kSigned>
static void sum_part(const LevelSource &levels, int64_t row, const ValuePart &part, const WeightRows<M> &w,
                     Prefetcher &prefetch, float *out, int64_t out_stride) {
  int64_t column = part.first_column, end = column + part.columns;
  for (; column + 2 <= end; column += 2)
    sum_columns<M, 2, B, kSigned>(levels, row, part, column, w, prefetch, out, out_stride);
  if constexpr (B == 0 || B == 8) {
    if (column < end) sum_columns<M, 1, B, kSigned>(levels, row, part, column, w, prefetch, out, out_stride);
  }
}

/// Rounds M rows of n weights, at least 0, n a multiple of 16; top holds the maximum largest_weight() of
/// each.
template <int M, int B>
KVERN_INLINE void round_rows(const float *const (&x)[M], int64_t n, const Vec (&top)[M],
                             const IntegerWorkspace &workspace, WeightRows<M> &w) {
  constexpr float kMax = B == 8 ? 32767.0f : 255.0f;
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    const float largest = reduce_max(top[m]), up = kMax / largest;
    const Vec inverse = set1(up < std::numeric_limits<float>::infinity() ? up : 0.0f);
    uint8_t *high = workspace.w_high + m * workspace.w_stride, *low = workspace.w_low + m * workspace.w_stride;
    __m256i sum = _mm256_setzero_si256();
    for (int64_t i = 0; i < n; i += 2 * kWidth) {
      const __m256i a = _mm256_cvtps_epi32(mul(load(x[m] + i), inverse)),
                    b = _mm256_cvtps_epi32(mul(load(x[m] + i + kWidth), inverse));
      if constexpr (B == 8) {
        sum = _mm256_add_epi32(sum, _mm256_add_epi32(a, b));
        store_as_words(high + i, low + i, a, b);
      } else {
        _mm_storeu_si128(reinterpret_cast<__m128i *>(high + i), unsigned_bytes(a, b));
      }
    }
    w.high[m] = high, w.low[m] = low;
    w.group[m].step = largest * (1.0f / (kMax * 127.0f));
    w.group[m].correction = B == 8 ? 128 * reduce_ints(sum) : 0;
  }
}

/// 1 or -1 for each of n scales, n a multiple of 16.
static void put_signs(const uint16_t *scales, int64_t n, uint8_t *out) {
  for (int64_t i = 0; i < n; i += 16) {
    const __m256i signs = _mm256_srai_epi16(load_bytes(scales + i), 15);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(signs), _mm256_extracti128_si256(signs, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out + i), _mm_or_si128(bytes, _mm_set1_epi8(1)));
  }
}

/// Weights of M queries times the tokens' scales, whose signs levels take.
template <int M, int B>
KVERN_INLINE void round_scaled_weights(const PackedMeta &meta, int64_t at, const FloatRows &weight, int64_t n,
                                       const IntegerWorkspace &workspace, WeightRows<M> &w) {
  Vec top[M], offset[M];
  const float *x[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) top[m] = offset[m] = zero(), x[m] = workspace.scaled + m * workspace.scaled_stride;
  for (int64_t i = 0; i < n; i += kWidth) {
    const Vec scale = abs_of(load_as<Dtype::f16>(meta.scales, at + i)),
              zeros = load_zeros(meta, at + i, kWidth);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec p = load(weight.data + m * weight.stride + i), y = mul(p, scale);
      store(workspace.scaled + m * workspace.scaled_stride + i, y);
      top[m] = max_of(top[m], largest_weight<B>(y));
      offset[m] = fma(p, zeros, offset[m]);
    }
  }
  round_rows<M, B>(x, n, top, workspace, w);
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) w.group[m].offset = reduce_add(offset[m]);
  if constexpr (B != 8) {
    put_signs(meta.scales + at, n, workspace.w_low);
    w.signs = workspace.w_low;
  }
}

/// Weights of M queries as they are.
template <int M, int B>
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
      top[m] = max_of(top[m], largest_weight<B>(p));
      offset[m] = add(offset[m], p);
    }
  }
  round_rows<M, B>(x, n, top, workspace, w);
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) w.group[m].offset = reduce_add(offset[m]);
}

/// Values whose tokens have scales: one group of channels after the other. `n` is a multiple of 16.
template <int M, int B>
static void sum_per_token(const PackedTensor &values, const PackedMeta &meta, const LevelSource &levels,
                          int64_t n, const FloatRows &weight, const IntegerWorkspace &workspace, Prefetcher &prefetch,
                          float *out, int64_t out_stride) {
  const int64_t columns = values.layout->dim_padded / 16, step = values.format->group / 16;
  WeightRows<M> w;
  for (int64_t g = 0; g < values.layout->groups; ++g) {
    round_scaled_weights<M, B>(meta, g * values.layout->group_stride, weight, n, workspace, w);
    const int64_t left = columns - g * step;
    const ValuePart part = {0, n, g * step, left < step ? left : step, nullptr, 0};
    sum_part<M, B, B != 8>(levels, columns, part, w, prefetch, out, out_stride);
  }
}

/// Values whose channels have scales: one group of tokens after the other. `n` is a multiple of 16.
template <int M, int B>
static void sum_per_channel(const PackedTensor &values, const PackedMeta &meta, const LevelSource &levels,
                            int64_t n, const FloatRows &weight, const IntegerWorkspace &workspace, Prefetcher &prefetch,
                            float *out, int64_t out_stride) {
  const int64_t columns = values.layout->dim_padded / 16, group = values.format->group;
  WeightRows<M> w;
  for (int64_t first = 0, g = 0; first < n; first += group, ++g) {
    const int64_t tokens = n - first < group ? n - first : group;
    round_weights<M, B>({weight.data + first, weight.stride, M}, tokens, workspace, w);
    const ValuePart part = {first, tokens, 0, columns, &meta, g * values.layout->group_stride};
    sum_part<M, B, false>(levels, columns, part, w, prefetch, out, out_stride);
  }
}

template <int M, int B>
static void sum_queries(const PackedTensor &values, const PackedMeta &meta, const LevelSource &levels,
                        int64_t n, const FloatRows &weight, const IntegerWorkspace &workspace, Prefetcher &prefetch, float *out,
                        int64_t out_stride) {
  const bool by_token = values.format->axis == quant::Axis::token;
  (by_token ? sum_per_token<M, B> : sum_per_channel<M, B>)(values, meta, levels, n, weight, workspace, prefetch, out,
                                                           out_stride);
}

template <int B>
static void sum_by_fours(const PackedTensor &values, const PackedMeta &meta, const LevelSource &levels,
                         int64_t n, const FloatRows &weight, const IntegerWorkspace &workspace, float *out,
                         int64_t out_stride) {
  Prefetcher prefetch(workspace.ahead, meta.scales, 1);
  int64_t first = 0;
  for (int64_t passes = (weight.rows + 3) / 4; passes > 0; --passes) {
    const int64_t m = (weight.rows - first + passes - 1) / passes;
    const FloatRows some = {weight.data + first * weight.stride, weight.stride, m};
    float *to = out + first * out_stride;
    if (m == 1) sum_queries<1, B>(values, meta, levels, n, some, workspace, prefetch, to, out_stride);
    if (m == 2) sum_queries<2, B>(values, meta, levels, n, some, workspace, prefetch, to, out_stride);
    if (m == 3) sum_queries<3, B>(values, meta, levels, n, some, workspace, prefetch, to, out_stride);
    if (m == 4) sum_queries<4, B>(values, meta, levels, n, some, workspace, prefetch, to, out_stride);
    first += m;
    prefetch.finish();
  }
}

static void sum_values(const PackedTensor &values, const std::byte *block, int64_t n, const FloatRows &weight,
                       const IntegerWorkspace &workspace, float *out, int64_t out_stride) {
  const quant::TensorLayout &layout = *values.layout;
  const int bits = values.format->bits;
  const bool pairs = layout.dim_padded % 32 == 0 &&
                     (values.format->axis == quant::Axis::channel || values.format->group >= 32);
  LevelSource levels = level_source(bits, layout.units, 0, block + layout.codes);
  auto by_fours = bits == 8   ? sum_by_fours<8>
                  : bits == 4 ? sum_by_fours<4>
                  : bits == 3 ? sum_by_fours<3>
                  : bits == 2 ? sum_by_fours<2>
                              : sum_by_fours<1>;
  if (bits != 8 && !pairs) {
    levels = unpack(bits, levels, layout.units, workspace.levels);
    by_fours = sum_by_fours<0>;
  }
  by_fours(values, meta_of(values, block), levels, (n + 15) / 16 * 16, weight, workspace, out, out_stride);
}
