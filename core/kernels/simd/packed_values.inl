// Weighted sums of packed values: lane = channel, unsigned weights times signed levels. Needs packed_unpack.inl. No
// include of its own.

/// x [n], none negative, becomes unsigned integers; n is a multiple of 16.
template <bool kWide>
static float round_unsigned(const float *x, int64_t n, uint8_t *high, uint8_t *low) {
  Vec top = zero();
  for (int64_t i = 0; i < n; i += kWidth) top = max_of(top, load(x + i));
  const float most = kWide ? 65535.0f : 255.0f, largest = reduce_max(top);
  const float step = largest / most;
  const Vec inverse = set1(step > 0.0f ? most / largest : 0.0f);
  for (int64_t i = 0; i < n; i += kWidth) {
    __m512i whole = _mm512_cvtps_epi32(mul(load(x + i), inverse));
    if constexpr (kWide) {
      _mm_storeu_si128(reinterpret_cast<__m128i *>(low + i), _mm512_cvtepi32_epi8(whole));
      whole = _mm512_srli_epi32(whole, 8);
    }
    _mm_storeu_si128(reinterpret_cast<__m128i *>(high + i), _mm512_cvtepi32_epi8(whole));
  }
  return step;
}

/// Which part of a block a sum is over, and with what it ends: out += scale * step * integers + zero * offset, where
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

/// P columns of M sums.
template <int M, int P, bool kWide>
static void sum_columns(const uint8_t *levels, int64_t row, const ValuePart &part, int64_t column,
                        const WeightRows<M> &w, float *out, int64_t out_stride) {
  __m512i high[M][P], low[M][P];
  KVERN_UNROLL
  for (int i = 0; i < M * P; ++i) high[i / P][i % P] = low[i / P][i % P] = _mm512_setzero_si512();
  const uint8_t *at = levels + part.first_token / 4 * row + column * 64;
  for (int64_t t = 0; t < part.tokens; t += 4, at += row) {
    __m512i level[P];
    KVERN_UNROLL
    for (int p = 0; p < P; ++p) level[p] = load_bytes(at + p * 64);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const __m512i x = broadcast_4(w.high[m] + t);
      KVERN_UNROLL
      for (int p = 0; p < P; ++p) high[m][p] = _mm512_dpbusd_epi32(high[m][p], x, level[p]);
      if constexpr (kWide) {
        const __m512i y = broadcast_4(w.low[m] + t);
        KVERN_UNROLL
        for (int p = 0; p < P; ++p) low[m][p] = _mm512_dpbusd_epi32(low[m][p], y, level[p]);
      }
    }
  }
  KVERN_UNROLL
  for (int i = 0; i < M * P; ++i) {
    const int m = i / P, p = i % P;
    const int64_t channel = (column + p) * kWidth;
    Vec dot = _mm512_cvtepi32_ps(high[m][p]);
    if constexpr (kWide) dot = fma(dot, set1(256.0f), _mm512_cvtepi32_ps(low[m][p]));
    Vec scale = set1(w.group[m].step), offset = set1(w.group[m].offset);
    if (part.channel_meta) {
      scale = mul(scale, load_as<Dtype::f16>(part.channel_meta->scales, part.meta_at + channel));
      offset = mul(offset, load_zeros(*part.channel_meta, part.meta_at + channel, kWidth));
    }
    float *to = out + m * out_stride + channel;
    store(to, add(fma(scale, dot, load(to)), offset));
  }
}

template <int M, bool kWide>
static void sum_part(const uint8_t *levels, int64_t row, const ValuePart &part, const WeightRows<M> &w,
                     float *out, int64_t out_stride) {
  int64_t column = part.first_column, end = column + part.columns;
  if constexpr (!kWide) {
    for (; column + 4 <= end; column += 4)
      sum_columns<M, 4, kWide>(levels, row, part, column, w, out, out_stride);
  }
  for (; column + 2 <= end; column += 2)
    sum_columns<M, 2, kWide>(levels, row, part, column, w, out, out_stride);
  if (column < end) sum_columns<M, 1, kWide>(levels, row, part, column, w, out, out_stride);
}

/// x * scales into room.scaled; returns the sum of x * zeros.
static float scale_weights(const PackedMeta &meta, int64_t at, const float *x, int64_t n, float *scaled) {
  Vec offset = zero();
  for (int64_t i = 0; i < n; i += kWidth) {
    const Vec w = load(x + i);
    store(scaled + i, mul(w, load_as<Dtype::f16>(meta.scales, at + i)));
    offset = fma(w, load_zeros(meta, at + i, kWidth), offset);
  }
  return reduce_add(offset);
}

/// M queries from `first` on; `n` is a multiple of 16.
template <int M, bool kWide>
static void sum_queries(const PackedTensor &values, const PackedMeta &meta, const uint8_t *levels, int64_t n,
                        const FloatRows &weight, const IntegerRoom &room, int64_t first, float *out,
                        int64_t out_stride) {
  const bool by_token = values.format->axis == quant::Axis::token;
  const int64_t columns = values.layout->dim_padded / 16, row = columns * 64, group = values.format->group;
  const int64_t groups = by_token ? values.layout->groups : (n + group - 1) / group;
  WeightRows<M> w;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t first_token = by_token ? 0 : g * group, left = columns - g * group / 16;
    ValuePart part = {first_token, n - first_token, 0, columns, &meta, g * values.layout->group_stride};
    if (by_token) {
      part.first_column = g * group / 16, part.columns = left < group / 16 ? left : group / 16;
      part.channel_meta = nullptr;
    } else if (part.tokens > group) {
      part.tokens = group;
    }
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const float *x = weight.data + (first + m) * weight.stride + first_token;
      uint8_t *high = room.w_high + m * room.w_stride, *low = room.w_low + m * room.w_stride;
      if (by_token) {
        w.group[m].offset = scale_weights(meta, part.meta_at, x, n, room.scaled);
        x = room.scaled;
      } else {
        w.group[m].offset = sum_of(x, part.tokens);
      }
      w.group[m].step = round_unsigned<kWide>(x, part.tokens, high, low) * (1.0f / 127.0f);
      w.high[m] = high, w.low[m] = low;
    }
    sum_part<M, kWide>(levels, row, part, w, out, out_stride);
  }
}

template <bool kWide>
static void sum_by_fours(const PackedTensor &values, const PackedMeta &meta, const uint8_t *levels, int64_t n,
                         const FloatRows &weight, const IntegerRoom &room, float *out, int64_t out_stride) {
  int64_t first = 0;
  for (int64_t passes = (weight.rows + 3) / 4; passes > 0; --passes) {
    const int64_t m = (weight.rows - first + passes - 1) / passes;
    float *to = out + first * out_stride;
    if (m == 1) sum_queries<1, kWide>(values, meta, levels, n, weight, room, first, to, out_stride);
    if (m == 2) sum_queries<2, kWide>(values, meta, levels, n, weight, room, first, to, out_stride);
    if (m == 3) sum_queries<3, kWide>(values, meta, levels, n, weight, room, first, to, out_stride);
    if (m == 4) sum_queries<4, kWide>(values, meta, levels, n, weight, room, first, to, out_stride);
    first += m;
  }
}

static void sum_values(const PackedTensor &values, const std::byte *block, int64_t n, const FloatRows &weight,
                       const IntegerRoom &room, float *out, int64_t out_stride) {
  const quant::TensorLayout &layout = *values.layout;
  const PackedMeta meta = meta_of(values, block);
  const int bits = values.format->bits;
  const uint8_t *levels = unpack(bits, layout.units, 0, block + layout.codes, room.levels);
  const int64_t whole = (n + kWidth - 1) / kWidth * kWidth;
  (bits == 8 ? sum_by_fours<true> : sum_by_fours<false>)(values, meta, levels, whole, weight, room, out,
                                                         out_stride);
}
