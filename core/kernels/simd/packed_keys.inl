// Logits of packed keys: lane = token, unsigned levels times signed queries. Needs packed_unpack.inl. No include of its
// own.

/// 16 integers at row m, channel d of the room's queries, added to the sums of their halves.
template <bool kWide>
KVERN_INLINE void put_query(__m512i whole, const IntegerRoom &room, int64_t m, int64_t d, __m512i &high_sum,
                            __m512i &low_sum) {
  const int64_t at = m * room.q_stride + d;
  if constexpr (kWide) {
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(whole, _mm512_set1_epi32(128)), 8);
    const __m512i low = _mm512_sub_epi32(whole, _mm512_slli_epi32(high, 8));
    low_sum = _mm512_add_epi32(low_sum, low);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(room.q_low + at), _mm512_cvtepi32_epi8(low));
    whole = high;
  }
  high_sum = _mm512_add_epi32(high_sum, whole);
  _mm_storeu_si128(reinterpret_cast<__m128i *>(room.q_high + at), _mm512_cvtepi32_epi8(whole));
}

/// n channels of query m from `first` on, in integers.
template <bool kWide>
static RoundedGroup round_group(const float *x, int64_t first, int64_t n, const IntegerRoom &room,
                                int64_t m) {
  auto load_some = [x, n](int64_t i) { return n - i < kWidth ? load_n(x + i, n - i) : load(x + i); };
  Vec top = zero(), sum = zero();
  for (int64_t i = 0; i < n; i += kWidth) {
    top = max_of(top, abs_of(load_some(i)));
    sum = add(sum, load_some(i));
  }
  const float most = kWide ? kMostOf16 : kMostOf8, largest = reduce_max(top), up = most / largest;
  const Vec inverse = set1(up < std::numeric_limits<float>::infinity() ? up : 0.0f);
  __m512i high = _mm512_setzero_si512(), low = high;
  for (int64_t i = 0; i < n; i += kWidth) {
    put_query<kWide>(_mm512_cvtps_epi32(mul(load_some(i), inverse)), room, m, first + i, high, low);
  }
  return {largest / most, reduce_add(sum), 128 * _mm512_reduce_add_epi32(high),
          128 * _mm512_reduce_add_epi32(low)};
}

static void round_queries(const PackedTensor &keys, const FloatRows &q, const IntegerRoom &room) {
  if (keys.format->axis != quant::Axis::token) return;
  const int64_t dim = keys.format->dim, group = keys.format->group, groups = keys.layout->groups;
  for (int64_t m = 0; m < q.rows; ++m) {
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t first = g * group, n = dim - first < group ? dim - first : group;
      const float *x = q.data + m * q.stride + first;
      room.groups[m * groups + g] = keys.format->bits == 8 ? round_group<true>(x, first, n, room, m)
                                                           : round_group<false>(x, first, n, room, m);
    }
  }
}

KVERN_INLINE __m512i broadcast_4(const void *p) {
  int32_t four;
  memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}

/// M queries' integers.
template <int M>
struct QueryRows {
  const int8_t *high[M], *low[M];
};

/// P units of R times 16 tokens, the first at channel 4 * u.
template <int M, int B, bool kWide, int R, int P>
KVERN_INLINE void dot_some(const LevelSource &levels, int64_t unit, int64_t apart, int64_t u,
                           const QueryRows<M> &q, __m512i (&high)[R][M], __m512i (&low)[R][M]) {
  __m512i level[R][P];
  KVERN_UNROLL
  for (int r = 0; r < R; ++r) load_levels<B, P>(levels, unit + r * apart + u, level[r]);
  KVERN_UNROLL
  for (int i = 0; i < P; ++i) {
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const __m512i x = broadcast_4(q.high[m] + 4 * (u + i));
      KVERN_UNROLL
      for (int r = 0; r < R; ++r) high[r][m] = _mm512_dpbusd_epi32(high[r][m], level[r][i], x);
      if constexpr (kWide) {
        const __m512i y = broadcast_4(q.low[m] + 4 * (u + i));
        KVERN_UNROLL
        for (int r = 0; r < R; ++r) low[r][m] = _mm512_dpbusd_epi32(low[r][m], level[r][i], y);
      }
    }
  }
}

/// Products of the queries with the levels of R times 16 tokens, whose units begin at `unit` and are `apart` from each
/// other, over `n` units at channel 4 * first.
template <int M, int B, bool kWide, int R>
KVERN_INLINE void dot_units(const LevelSource &levels, int64_t unit, int64_t apart, const QueryRows<M> &q,
                            int64_t first, int64_t n, const RoundedGroup *const (&group)[M],
                            Vec (&out)[R][M]) {
  __m512i high[R][M], low[R][M];
  KVERN_UNROLL
  for (int i = 0; i < R * M; ++i) {
    high[i / M][i % M] = _mm512_set1_epi32(-group[i % M]->high);
    if constexpr (kWide) low[i / M][i % M] = _mm512_set1_epi32(-group[i % M]->low);
  }
  int64_t u = first;
  for (; u + 4 <= first + n; u += 4) dot_some<M, B, kWide, R, 4>(levels, unit, apart, u, q, high, low);
  if constexpr (B == 0) {
    for (; u < first + n; ++u) dot_some<M, B, kWide, R, 1>(levels, unit, apart, u, q, high, low);
  }
  KVERN_UNROLL
  for (int i = 0; i < R * M; ++i) {
    Vec dot = _mm512_cvtepi32_ps(high[i / M][i % M]);
    if constexpr (kWide) dot = fma(dot, set1(256.0f), _mm512_cvtepi32_ps(low[i / M][i % M]));
    out[i / M][i % M] = dot;
  }
}

template <int M>
KVERN_INLINE QueryRows<M> query_rows(const IntegerRoom &room, int64_t first) {
  QueryRows<M> q;
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    q.high[m] = room.q_high + (first + m) * room.q_stride;
    q.low[m] = room.q_low + (first + m) * room.q_stride;
  }
  return q;
}

/// M queries from `first` on with keys that have scales of their own; n is rounded up to a multiple of 32.
template <int M, int B, bool kWide>
static void logits_per_token(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                             int64_t n, const IntegerRoom &room, int64_t first, float *out,
                             int64_t out_stride) {
  const int64_t units = keys.layout->dim_padded / 4, groups = keys.layout->groups,
                step = keys.format->group / 4;
  const QueryRows<M> q = query_rows<M>(room, first);
  const Vec unit = set1(1.0f / 127.0f);
  for (int64_t token = 0; token < n; token += 2 * kWidth) {
    Vec sum[2][M];
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) sum[0][m] = sum[1][m] = zero();
    for (int64_t g = 0; g < groups; ++g) {
      const RoundedGroup *group[M];
      KVERN_UNROLL
      for (int m = 0; m < M; ++m) group[m] = room.groups + (first + m) * groups + g;
      Vec dot[2][M];
      const int64_t left = units - g * step;
      dot_units<M, B, kWide, 2>(levels, token / 16 * units, units, q, g * step, left < step ? left : step,
                                group, dot);
      KVERN_UNROLL
      for (int r = 0; r < 2; ++r) {
        const int64_t at = g * keys.layout->group_stride + token + r * kWidth;
        const Vec scale = mul(load_as<Dtype::f16>(meta.scales, at), unit),
                  zeros = load_zeros(meta, at, kWidth);
        KVERN_UNROLL
        for (int m = 0; m < M; ++m) {
          sum[r][m] = fma(mul(scale, set1(group[m]->step)), dot[r][m], sum[r][m]);
          sum[r][m] = fma(zeros, set1(group[m]->offset), sum[r][m]);
        }
      }
    }
    KVERN_UNROLL
    for (int i = 0; i < 2 * M; ++i)
      store(out + i % M * out_stride + token + i / M * kWidth, sum[i / M][i % M]);
  }
}

/// M queries from `first` on times the channels' scales of token group g, in integers.
template <int M, bool kWide>
static void round_scaled(const PackedTensor &keys, const PackedMeta &meta, int64_t g, const FloatRows &q,
                         const IntegerRoom &room, int64_t first, RoundedGroup (&group)[M]) {
  const int64_t dim = keys.format->dim, at = g * keys.layout->group_stride;
  const float most = kWide ? kMostOf16 : kMostOf8;
  Vec top[M], offset[M], inverse[M];
  __m512i high[M], low[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    top[m] = offset[m] = zero();
    high[m] = low[m] = _mm512_setzero_si512();
  }
  for (int64_t d = 0; d < dim; d += kWidth) {
    const Vec scale = load_halves(meta.scales, at + d, dim - d), zeros = load_zeros(meta, at + d, dim - d);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec x = load(q.data + (first + m) * q.stride + d), y = mul(x, scale);
      store(room.scaled + m * room.scaled_stride + d, y);
      top[m] = max_of(top[m], abs_of(y));
      offset[m] = fma(x, zeros, offset[m]);
    }
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    const float largest = reduce_max(top[m]), up = most / largest;
    group[m] = {largest * (1.0f / most), reduce_add(offset[m]), 0, 0};
    inverse[m] = set1(up < std::numeric_limits<float>::infinity() ? up : 0.0f);
  }
  for (int64_t d = 0; d < dim; d += kWidth) {
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec y = mul(load(room.scaled + m * room.scaled_stride + d), inverse[m]);
      put_query<kWide>(_mm512_cvtps_epi32(y), room, first + m, d, high[m], low[m]);
    }
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    group[m].high = 128 * _mm512_reduce_add_epi32(high[m]);
    if constexpr (kWide) group[m].low = 128 * _mm512_reduce_add_epi32(low[m]);
  }
}

/// Logits of R times 16 tokens whose channels have scales.
template <int M, int B, bool kWide, int R>
KVERN_INLINE void rows_per_channel(const LevelSource &levels, int64_t units, int64_t token,
                                   const QueryRows<M> &q, const RoundedGroup *const (&group)[M], float *out,
                                   int64_t out_stride) {
  Vec dot[R][M];
  dot_units<M, B, kWide, R>(levels, token / 16 * units, units, q, 0, units, group, dot);
  KVERN_UNROLL
  for (int i = 0; i < R * M; ++i) {
    const int r = i / M, m = i % M;
    const Vec step = set1(group[m]->step * (1.0f / 127.0f));
    store(out + m * out_stride + r * kWidth, fma(step, dot[r][m], set1(group[m]->offset)));
  }
}

/// M queries with keys whose channels have scales, for n tokens of group g.
template <int M, int B, bool kWide>
static void logits_per_channel(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                               int64_t g, int64_t n, const FloatRows &q, const IntegerRoom &room,
                               int64_t first, float *out, int64_t out_stride) {
  const int64_t units = keys.layout->dim_padded / 4, first_token = g * keys.format->group;
  RoundedGroup rounded[M];
  const RoundedGroup *group[M];
  round_scaled<M, kWide>(keys, meta, g, q, room, first, rounded);
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) group[m] = &rounded[m];
  const QueryRows<M> rows = query_rows<M>(room, first);
  int64_t i = 0;
  for (; i + kWidth < n; i += 2 * kWidth)
    rows_per_channel<M, B, kWide, 2>(levels, units, first_token + i, rows, group, out + i, out_stride);
  if (i < n)
    rows_per_channel<M, B, kWide, 1>(levels, units, first_token + i, rows, group, out + i, out_stride);
}

template <int M, int B, bool kWide>
static void logits_of(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels, int64_t n,
                      const FloatRows &q, const IntegerRoom &room, int64_t first, float *out,
                      int64_t out_stride) {
  if (keys.format->axis == quant::Axis::token) {
    return logits_per_token<M, B, kWide>(keys, meta, levels, n, room, first, out, out_stride);
  }
  const int64_t group = keys.format->group;
  for (int64_t token = 0, g = 0; token < n; token += group, ++g) {
    logits_per_channel<M, B, kWide>(keys, meta, levels, g, n - token < group ? n - token : group, q, room,
                                    first, out + token, out_stride);
  }
}

template <int B, bool kWide>
static void logits_by_fours(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                            int64_t n, const FloatRows &q, const IntegerRoom &room, float *out,
                            int64_t out_stride) {
  int64_t first = 0;
  for (int64_t passes = (q.rows + 3) / 4; passes > 0; --passes) {
    const int64_t m = (q.rows - first + passes - 1) / passes;
    float *to = out + first * out_stride;
    if (m == 1) logits_of<1, B, kWide>(keys, meta, levels, n, q, room, first, to, out_stride);
    if (m == 2) logits_of<2, B, kWide>(keys, meta, levels, n, q, room, first, to, out_stride);
    if (m == 3) logits_of<3, B, kWide>(keys, meta, levels, n, q, room, first, to, out_stride);
    if (m == 4) logits_of<4, B, kWide>(keys, meta, levels, n, q, room, first, to, out_stride);
    first += m;
  }
}

static void key_logits(const PackedTensor &keys, const std::byte *block, int64_t n, const FloatRows &q,
                       const IntegerRoom &room, float *out, int64_t out_stride) {
  const quant::TensorLayout &layout = *keys.layout;
  const PackedMeta meta = meta_of(keys, block);
  const int bits = keys.format->bits;
  const std::byte *codes = block + layout.codes;
  LevelSource levels = level_source(bits, layout.units, 128, codes);
  auto by_fours = bits == 8 ? logits_by_fours<0, true> : logits_by_fours<0, false>;
  if (bits == 8 || layout.dim_padded % 16 != 0) {
    levels.codes = unpack(bits, layout.units, 128, codes, room.levels);
  } else {
    by_fours = bits == 4   ? logits_by_fours<4, false>
               : bits == 3 ? logits_by_fours<3, false>
               : bits == 2 ? logits_by_fours<2, false>
                           : logits_by_fours<1, false>;
  }
  by_fours(keys, meta, levels, n, q, room, out, out_stride);
}
