// Logits of packed keys: lane = token, unsigned levels times signed queries. Needs packed_unpack.inl. Not
// self-contained: included by level_*.cpp and packed_*.cpp.

/// 16 integers at row m, channel d of the workspace's queries; they are added to `sum`.
template <bool kWide>
KVERN_INLINE void put_query(__m512i whole, const IntegerWorkspace &workspace, int64_t m, int64_t d, __m512i &sum) {
  const int64_t at = m * workspace.q_stride + d;
  sum = _mm512_add_epi32(sum, whole);
  if constexpr (kWide) _mm_storeu_si128(reinterpret_cast<__m128i *>(workspace.q_low + at), split_words(whole));
  _mm_storeu_si128(reinterpret_cast<__m128i *>(workspace.q_high + at), _mm512_cvtepi32_epi8(whole));
}

/// The largest integer of a query of n channels whose products with levels, which are summed in 32 bits, cannot overflow.
template <bool kWide>
KVERN_INLINE float largest_integer(int64_t n) {
  if constexpr (!kWide) return kMaxOf8;
  return n <= 512 ? kMaxOf16 : static_cast<float>((int64_t{1} << 24) / n - 1);
}

/// n channels of query m from `first` on, in integers.
template <bool kWide>
static RoundedGroup round_group(const float *x, int64_t first, int64_t n, const IntegerWorkspace &workspace,
                                int64_t m) {
  auto load_some = [x, n](int64_t i) { return n - i < kWidth ? load_n(x + i, n - i) : load(x + i); };
  Vec top = zero(), sum = zero();
  for (int64_t i = 0; i < n; i += kWidth) {
    top = max_of(top, abs_of(load_some(i)));
    sum = add(sum, load_some(i));
  }
  const float most = largest_integer<kWide>(n), largest = reduce_max(top), up = most / largest;
  const Vec inverse = set1(up < std::numeric_limits<float>::infinity() ? up : 0.0f);
  __m512i all = _mm512_setzero_si512();
  for (int64_t i = 0; i < n; i += kWidth) {
    put_query<kWide>(_mm512_cvtps_epi32(mul(load_some(i), inverse)), workspace, m, first + i, all);
  }
  return {largest / most, reduce_add(sum), 128 * _mm512_reduce_add_epi32(all)};
}

static void round_queries(const PackedTensor &keys, const FloatRows &q, const IntegerWorkspace &workspace) {
  if (keys.format->axis != quant::Axis::token) return;
  const int64_t dim = keys.format->dim, group = keys.format->group, groups = keys.layout->groups;
  for (int64_t m = 0; m < q.rows; ++m) {
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t first = g * group, n = dim - first < group ? dim - first : group;
      const float *x = q.data + m * q.stride + first;
      workspace.groups[m * groups + g] = keys.format->bits == 8 ? round_group<true>(x, first, n, workspace, m)
                                                           : round_group<false>(x, first, n, workspace, m);
    }
  }
}

KVERN_INLINE __m512i broadcast_4(const void *p) {
  int32_t four;
  memcpy(&four, p, 4);
  return _mm512_set1_epi32(four);
}

/// sum += four products in each 32 bits, of unsigned with signed bytes. gcc 12 moves the intrinsic's
/// accumulators between registers.
KVERN_INLINE void dot_bytes(__m512i &sum, __m512i with_no_sign, __m512i with_sign) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(with_no_sign), "v"(with_sign));
}

/// Integers of M queries in one group, and their steps and offsets.
template <int M>
struct QueryGroup {
  const int8_t *high[M], *low[M];
  const RoundedGroup *group[M];
};

template <int M>
KVERN_INLINE QueryGroup<M> query_group(const IntegerWorkspace &workspace, int64_t first, int64_t channel,
                                       const RoundedGroup *group, int64_t apart) {
  QueryGroup<M> q;
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    const int64_t at = (first + m) * workspace.q_stride + channel;
    q.high[m] = workspace.q_high + at, q.low[m] = workspace.q_low + at, q.group[m] = group + m * apart;
  }
  return q;
}

/// Adds products of bytes of the queries with the levels of R times 16 tokens over n units. Those of the first token begin at
/// `unit`, those of others are `apart` from each other.
template <int M, int B, int R>
KVERN_INLINE void add_dots(const LevelSource &levels, int64_t unit, int64_t apart, const int8_t *const (&x)[M],
                           int64_t n, Prefetcher &prefetch, __m512i (&sum)[R][M]) {
  constexpr int P = kTogether<B>;
  for (int64_t u = 0; u < n; u += P) {
    __m512i level[R][P];
    KVERN_UNROLL
    for (int r = 0; r < R; ++r) load_levels<B, P>(levels, unit + r * apart + u, level[r]);
    prefetch.lines<R * P * (B == 0 ? 8 : B) / 8>();
    KVERN_UNROLL
    for (int i = 0; i < P; ++i) {
      KVERN_UNROLL
      for (int m = 0; m < M; ++m) {
        const __m512i four = broadcast_4(x[m] + 4 * (u + i));
        KVERN_UNROLL
        for (int r = 0; r < R; ++r) dot_bytes(sum[r][m], level[r][i], four);
      }
    }
  }
}

/// The whole products. Sums of high bytes become those of low bytes' size before these are added: they wrap, what remains does not.
template <int M, int B, bool kWide, int R>
KVERN_INLINE void dot_units(const LevelSource &levels, int64_t unit, int64_t apart, const QueryGroup<M> &q,
                            int64_t n, Prefetcher &prefetch, Vec (&out)[R][M]) {
  __m512i sum[R][M];
  KVERN_UNROLL
  for (int i = 0; i < R * M; ++i)
    sum[i / M][i % M] = kWide ? _mm512_setzero_si512() : _mm512_set1_epi32(-q.group[i % M]->correction);
  add_dots<M, B, R>(levels, unit, apart, q.high, n, prefetch, sum);
  if constexpr (kWide) {
    KVERN_UNROLL
    for (int i = 0; i < R * M; ++i) {
      __m512i &one = sum[i / M][i % M];
      one = _mm512_sub_epi32(_mm512_slli_epi32(one, 8), _mm512_set1_epi32(q.group[i % M]->correction));
    }
    add_dots<M, B, R>(levels, unit, apart, q.low, n, prefetch, sum);
  }
  KVERN_UNROLL
  for (int i = 0; i < R * M; ++i) out[i / M][i % M] = _mm512_cvtepi32_ps(sum[i / M][i % M]);
}

/// M queries from `first` on with group g of keys that have scales of their own; n is rounded up to a multiple of 64.
template <int M, int B, bool kWide>
static void logits_per_token(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                             int64_t g, int64_t n, const IntegerWorkspace &workspace, int64_t first, Prefetcher &prefetch,
                             float *out, int64_t out_stride) {
  constexpr int R = 4;
  const int64_t row = keys.layout->dim_padded / 4, groups = keys.layout->groups,
                step = keys.format->group / 4;
  const int64_t first_unit = g * step, units = row - first_unit < step ? row - first_unit : step;
  const QueryGroup<M> q =
      query_group<M>(workspace, first, 4 * first_unit, workspace.groups + first * groups + g, groups);
  for (int64_t token = 0; token < n; token += R * kWidth) {
    Vec dot[R][M];
    dot_units<M, B, kWide, R>(levels, token / 16 * row + first_unit, row, q, units, prefetch, dot);
    KVERN_UNROLL
    for (int r = 0; r < R; ++r) {
      const int64_t at = g * keys.layout->group_stride + token + r * kWidth;
      const Vec scale = load_as<Dtype::f16>(meta.scales, at), zeros = load_zeros(meta, at, kWidth);
      KVERN_UNROLL
      for (int m = 0; m < M; ++m) {
        float *to = out + m * out_stride + token + r * kWidth;
        const Vec offset = mul(zeros, set1(q.group[m]->offset));
        const Vec sum = fma(scale, mul(dot[r][m], set1(q.group[m]->step * (1.0f / 127.0f))), offset);
        store(to, g == 0 ? sum : add(sum, load(to)));
      }
    }
  }
}

/// M queries from `first` on times the channels' scales of token group g, in integers.
template <int M, bool kWide>
static void round_scaled(const PackedTensor &keys, const PackedMeta &meta, int64_t g, const FloatRows &q,
                         const IntegerWorkspace &workspace, int64_t first, RoundedGroup (&group)[M]) {
  const int64_t dim = keys.format->dim, at = g * keys.layout->group_stride;
  Vec top[M], offset[M], inverse[M];
  __m512i all[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    top[m] = offset[m] = zero();
    all[m] = _mm512_setzero_si512();
  }
  for (int64_t d = 0; d < dim; d += kWidth) {
    const Vec scale = load_halves(meta.scales, at + d, dim - d), zeros = load_zeros(meta, at + d, dim - d);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec x = load(q.data + (first + m) * q.stride + d), y = mul(x, scale);
      store(workspace.scaled + m * workspace.scaled_stride + d, y);
      top[m] = max_of(top[m], abs_of(y));
      offset[m] = fma(x, zeros, offset[m]);
    }
  }
  const RowSteps<M> steps(top, largest_integer<kWide>(dim), 1.0f);
  float offsets[4];
  sum_all(offset, offsets);
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    group[m] = {steps.step[m], offsets[m], 0};
    inverse[m] = set1(steps.inverse[m]);
  }
  for (int64_t d = 0; d < dim; d += kWidth) {
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec y = mul(load(workspace.scaled + m * workspace.scaled_stride + d), inverse[m]);
      put_query<kWide>(_mm512_cvtps_epi32(y), workspace, first + m, d, all[m]);
    }
  }
  int32_t sums[4];
  sum_all(all, sums);
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) group[m].correction = 128 * sums[m];
}

/// Logits of R times 16 tokens whose channels have scales.
template <int M, int B, bool kWide, int R>
KVERN_INLINE void rows_per_channel(const LevelSource &levels, int64_t row, int64_t token,
                                   const QueryGroup<M> &q, Prefetcher &prefetch, float *out, int64_t out_stride) {
  Vec dot[R][M];
  dot_units<M, B, kWide, R>(levels, token / 16 * row, row, q, row, prefetch, dot);
  KVERN_UNROLL
  for (int i = 0; i < R * M; ++i) {
    const int r = i / M, m = i % M;
    store(out + m * out_stride + r * kWidth,
          fma(set1(q.group[m]->step * (1.0f / 127.0f)), dot[r][m], set1(q.group[m]->offset)));
  }
}

/// M queries with keys whose channels have scales, for n tokens of group g.
template <int M, int B, bool kWide>
static void logits_per_channel(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                               int64_t g, int64_t n, const FloatRows &q, const IntegerWorkspace &workspace,
                               int64_t first, Prefetcher &prefetch, float *out, int64_t out_stride) {
  constexpr int R = 4;
  const int64_t row = keys.layout->dim_padded / 4, group = keys.format->group, token = g * group;
  RoundedGroup rounded[M];
  round_scaled<M, kWide>(keys, meta, g, q, workspace, first, rounded);
  const QueryGroup<M> rows = query_group<M>(workspace, first, 0, rounded, 1);
  int64_t i = 0;
  for (; i + (R - 1) * kWidth < n && i + R * kWidth <= group; i += R * kWidth)
    rows_per_channel<M, B, kWide, R>(levels, row, token + i, rows, prefetch, out + i, out_stride);
  for (; i < n; i += kWidth)
    rows_per_channel<M, B, kWide, 1>(levels, row, token + i, rows, prefetch, out + i, out_stride);
}

template <int M, int B, bool kWide>
static void logits_of(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels, int64_t n,
                      const FloatRows &q, const IntegerWorkspace &workspace, int64_t first, Prefetcher &prefetch, float *out,
                      int64_t out_stride) {
  if (keys.format->axis == quant::Axis::token) {
    for (int64_t g = 0; g < keys.layout->groups; ++g)
      logits_per_token<M, B, kWide>(keys, meta, levels, g, n, workspace, first, prefetch, out, out_stride);
    return;
  }
  const int64_t group = keys.format->group;
  for (int64_t token = 0, g = 0; token < n; token += group, ++g) {
    logits_per_channel<M, B, kWide>(keys, meta, levels, g, n - token < group ? n - token : group, q, workspace,
                                    first, prefetch, out + token, out_stride);
  }
}

template <int B, bool kWide>
static void logits_by_fours(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                            int64_t n, const FloatRows &q, const IntegerWorkspace &workspace, float *out,
                            int64_t out_stride) {
  const int64_t all = (q.rows + 3) / 4;
  Prefetcher prefetch(workspace.ahead, meta.scales, all * (kWide ? 2 : 1));
  int64_t first = 0;
  for (int64_t passes = all; passes > 0; --passes) {
    const int64_t m = (q.rows - first + passes - 1) / passes;
    float *to = out + first * out_stride;
    if (m == 1) logits_of<1, B, kWide>(keys, meta, levels, n, q, workspace, first, prefetch, to, out_stride);
    if (m == 2) logits_of<2, B, kWide>(keys, meta, levels, n, q, workspace, first, prefetch, to, out_stride);
    if (m == 3) logits_of<3, B, kWide>(keys, meta, levels, n, q, workspace, first, prefetch, to, out_stride);
    if (m == 4) logits_of<4, B, kWide>(keys, meta, levels, n, q, workspace, first, prefetch, to, out_stride);
    first += m;
  }
  prefetch.finish();
}

static void key_logits(const PackedTensor &keys, const std::byte *block, int64_t n, const FloatRows &q,
                       const IntegerWorkspace &workspace, float *out, int64_t out_stride) {
  const quant::TensorLayout &layout = *keys.layout;
  const PackedMeta meta = meta_of(keys, block);
  const int bits = keys.format->bits;
  const std::byte *codes = block + layout.codes;
  LevelSource levels = level_source(bits, layout.units, 128, codes);
  auto by_fours = bits == 8 ? logits_by_fours<0, true> : logits_by_fours<0, false>;
  if (bits == 8 || layout.dim_padded % 16 != 0) {
    levels.codes = unpack(bits, layout.units, 128, codes, workspace.levels);
  } else {
    by_fours = bits == 4   ? logits_by_fours<4, false>
               : bits == 3 ? logits_by_fours<3, false>
               : bits == 2 ? logits_by_fours<2, false>
                           : logits_by_fours<1, false>;
  }
  by_fours(keys, meta, levels, n, q, workspace, out, out_stride);
}
