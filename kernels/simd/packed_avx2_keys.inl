// Logits of packed keys: lane = token, unsigned levels times signed queries; 16 tokens at a time. Needs
// packed_avx2_unpack.inl. Not self-contained: included by level_*.cpp and packed_*.cpp.
//
// Up to 4 bits a step is chosen such that no integer of a query exceeds 127, and no sum of two neighbours 128 (129 once
// rounded): so the sum of their products with levels up to 254 fits in 16 bits.

constexpr int kBias = 127;  // makes levels of up to 4 bits unsigned; that of 8 bits is 128

/// Magnitude that determines the step: see above.
template <int B>
KVERN_INLINE Vec largest_of(Vec x) {
  if constexpr (B == 8) return abs_of(x);
  const Vec pairs = mul(add(x, _mm256_permute_ps(x, 0xb1)), set1(kMaxOf8 / 128.0f));
  return max_of(abs_of(x), abs_of(pairs));
}

/// 16 integers at row m, channel d of the workspace's queries.
template <int B>
KVERN_INLINE void put_query(const IntegerWorkspace &workspace, int64_t m, int64_t d, __m256i a, __m256i b) {
  const int64_t at = m * workspace.q_stride + d;
  if constexpr (B == 8) {
    store_as_words(workspace.q_high + at, workspace.q_low + at, a, b);
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i *>(workspace.q_high + at), signed_bytes(a, b));
  }
}

KVERN_INLINE Vec load_some(const float *x, int64_t i, int64_t n) {
  return n - i < kWidth ? load_n(x + i, n - i) : load(x + i);
}

/// Channels [first, first + n) of query m in integers: x holds them, `top` the greatest of largest_of().
template <int B>
KVERN_INLINE RoundedGroup put_queries(const float *x, int64_t first, int64_t n, Vec top, float offset,
                                      const IntegerWorkspace &workspace, int64_t m) {
  const float most = B == 8 ? most_of_words(n) : kMaxOf8, largest = reduce_max(top), up = most / largest;
  const Vec inverse = set1(up < std::numeric_limits<float>::infinity() ? up : 0.0f);
  __m256i sum = _mm256_setzero_si256();
  for (int64_t i = 0; i < n; i += 2 * kWidth) {
    const __m256i a = _mm256_cvtps_epi32(mul(load_some(x, i, n), inverse)),
                  b = _mm256_cvtps_epi32(mul(load_some(x, i + kWidth, n), inverse));
    sum = _mm256_add_epi32(sum, _mm256_add_epi32(a, b));
    put_query<B>(workspace, m, first + i, a, b);
  }
  return {largest / most, offset, (B == 8 ? 128 : kBias) * reduce_ints(sum)};
}

template <int B>
static RoundedGroup round_group(const float *x, int64_t first, int64_t n, const IntegerWorkspace &workspace,
                                int64_t m) {
  Vec top = zero(), sum = zero();
  for (int64_t i = 0; i < n; i += kWidth) {
    const Vec some = load_some(x, i, n);
    top = max_of(top, largest_of<B>(some));
    sum = add(sum, some);
  }
  return put_queries<B>(x, first, n, top, reduce_add(sum), workspace, m);
}

static void round_queries(const PackedTensor &keys, const FloatRows &q, const IntegerWorkspace &workspace) {
  if (keys.format->axis != quant::Axis::token) return;
  const int64_t dim = keys.format->dim, group = keys.format->group, groups = keys.layout->groups;
  for (int64_t m = 0; m < q.rows; ++m) {
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t first = g * group, n = dim - first < group ? dim - first : group;
      const float *x = q.data + m * q.stride + first;
      workspace.groups[m * groups + g] = keys.format->bits == 8 ? round_group<8>(x, first, n, workspace, m)
                                                           : round_group<0>(x, first, n, workspace, m);
    }
  }
}

/// M queries' integers: with 8 bits words of even channels, and of odd ones.
template <int M>
struct QueryRows {
  const int8_t *high[M], *low[M];
};
template <int M>
KVERN_INLINE QueryRows<M> query_rows(const IntegerWorkspace &workspace, int64_t first) {
  QueryRows<M> q;
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    q.high[m] = workspace.q_high + (first + m) * workspace.q_stride;
    q.low[m] = workspace.q_low + (first + m) * workspace.q_stride;
  }
  return q;
}

/// Products of the queries with the levels of 16 tokens, whose units begin at `unit`, over `n` units at channel 4 * first.
template <int M, int B>
KVERN_INLINE void dot_units(const LevelSource &levels, int64_t unit, const QueryRows<M> &q, int64_t first,
                            int64_t n, const RoundedGroup *group, int64_t group_stride, Prefetcher &prefetch,
                            Vec (&out)[2][M]) {
  constexpr int P = B == 4 ? 2 : B == 0 || B == 8 ? 1 : 4;
  __m256i sum[2][M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) sum[0][m] = sum[1][m] = _mm256_set1_epi32(-group[m * group_stride].correction);
  for (int64_t u = first; u < first + n; u += P) {
    __m256i level[2][P];
    load_levels<B, P>(levels, unit + u, 0, level[0]);
    load_levels<B, P>(levels, unit + u, 32, level[1]);
    prefetch.lines<1>();
    KVERN_UNROLL
    for (int i = 0; i < P; ++i) {
      if constexpr (B == 8) {
        const Words word[2] = {words_of(level[0][i]), words_of(level[1][i])};
        KVERN_UNROLL
        for (int m = 0; m < M; ++m) {
          const Words x = {broadcast_4(q.high[m] + 4 * u), broadcast_4(q.low[m] + 4 * u)};
          sum[0][m] = add_dots(sum[0][m], word[0], x);
          sum[1][m] = add_dots(sum[1][m], word[1], x);
        }
      } else {
        KVERN_UNROLL
        for (int m = 0; m < M; ++m) {
          const __m256i x = broadcast_4(q.high[m] + 4 * (u + i));
          sum[0][m] = add_dots(sum[0][m], level[0][i], x);
          sum[1][m] = add_dots(sum[1][m], level[1][i], x);
        }
      }
    }
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    out[0][m] = _mm256_cvtepi32_ps(sum[0][m]);
    out[1][m] = _mm256_cvtepi32_ps(sum[1][m]);
  }
}

/// M queries from `first` on with keys that have scales of their own.
template <int M, int B>
static void logits_per_token(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                             int64_t n, const IntegerWorkspace &workspace, int64_t first, Prefetcher &prefetch, float *out,
                             int64_t out_stride) {
  const int64_t units = keys.layout->dim_padded / 4, groups = keys.layout->groups,
                step = keys.format->group / 4;
  const QueryRows<M> q = query_rows<M>(workspace, first);
  const Vec unit = set1(1.0f / 127.0f);
  for (int64_t token = 0; token < n; token += 16) {
    Vec sum[2][M];
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) sum[0][m] = sum[1][m] = zero();
    for (int64_t g = 0; g < groups; ++g) {
      const RoundedGroup *group = workspace.groups + first * groups + g;
      Vec dot[2][M];
      const int64_t left = units - g * step;
      dot_units<M, B>(levels, token / 16 * units, q, g * step, left < step ? left : step, group, groups,
                      prefetch, dot);
      KVERN_UNROLL
      for (int r = 0; r < 2; ++r) {
        const int64_t at = g * keys.layout->group_stride + token + r * kWidth;
        const Vec scale = mul(load_as<Dtype::f16>(meta.scales, at), unit),
                  zeros = load_zeros(meta, at, kWidth);
        KVERN_UNROLL
        for (int m = 0; m < M; ++m) {
          const RoundedGroup &rounded = group[m * groups];
          sum[r][m] = fma(mul(scale, set1(rounded.step)), dot[r][m], sum[r][m]);
          sum[r][m] = fma(zeros, set1(rounded.offset), sum[r][m]);
        }
      }
    }
    KVERN_UNROLL
    for (int i = 0; i < 2 * M; ++i)
      store(out + i % M * out_stride + token + i / M * kWidth, sum[i / M][i % M]);
  }
}

/// M queries from `first` on times the channels' scales of token group g, in integers.
template <int M, int B>
static void round_scaled(const PackedTensor &keys, const PackedMeta &meta, int64_t g, const FloatRows &q,
                         const IntegerWorkspace &workspace, int64_t first, RoundedGroup (&group)[M]) {
  const int64_t dim = keys.format->dim, at = g * keys.layout->group_stride;
  Vec top[M], offset[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) top[m] = offset[m] = zero();
  for (int64_t d = 0; d < dim; d += kWidth) {
    const Vec scale = load_halves(meta.scales, at + d, dim - d), zeros = load_zeros(meta, at + d, dim - d);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec x = load(q.data + (first + m) * q.stride + d), y = mul(x, scale);
      store(workspace.scaled + m * workspace.scaled_stride + d, y);
      top[m] = max_of(top[m], largest_of<B>(y));
      offset[m] = fma(x, zeros, offset[m]);
    }
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) {
    group[m] = put_queries<B>(workspace.scaled + m * workspace.scaled_stride, 0, dim, top[m], reduce_add(offset[m]),
                              workspace, first + m);
  }
}

/// M queries with keys whose channels have scales, for n tokens of group g.
template <int M, int B>
static void logits_per_channel(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                               int64_t g, int64_t n, const FloatRows &q, const IntegerWorkspace &workspace,
                               int64_t first, Prefetcher &prefetch, float *out, int64_t out_stride) {
  const int64_t units = keys.layout->dim_padded / 4, first_token = g * keys.format->group;
  RoundedGroup group[M];
  round_scaled<M, B>(keys, meta, g, q, workspace, first, group);
  const QueryRows<M> rows = query_rows<M>(workspace, first);
  for (int64_t i = 0; i < n; i += 16) {
    Vec dot[2][M];
    dot_units<M, B>(levels, (first_token + i) / 16 * units, rows, 0, units, group, 1, prefetch, dot);
    KVERN_UNROLL
    for (int m = 0; m < M; ++m) {
      const Vec step = set1(group[m].step * (1.0f / 127.0f)), offset = set1(group[m].offset);
      store(out + m * out_stride + i, fma(step, dot[0][m], offset));
      store(out + m * out_stride + i + kWidth, fma(step, dot[1][m], offset));
    }
  }
}

template <int M, int B>
static void logits_of(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels, int64_t n,
                      const FloatRows &q, const IntegerWorkspace &workspace, int64_t first, Prefetcher &prefetch, float *out,
                      int64_t out_stride) {
  if (keys.format->axis == quant::Axis::token) {
    return logits_per_token<M, B>(keys, meta, levels, n, workspace, first, prefetch, out, out_stride);
  }
  const int64_t group = keys.format->group;
  for (int64_t token = 0, g = 0; token < n; token += group, ++g) {
    logits_per_channel<M, B>(keys, meta, levels, g, n - token < group ? n - token : group, q, workspace, first,
                             prefetch, out + token, out_stride);
  }
}

template <int B>
static void logits_by_fours(const PackedTensor &keys, const PackedMeta &meta, const LevelSource &levels,
                            int64_t n, const FloatRows &q, const IntegerWorkspace &workspace, float *out,
                            int64_t out_stride) {
  Prefetcher prefetch(workspace.ahead, meta.scales, 1);
  int64_t first = 0;
  for (int64_t passes = (q.rows + 3) / 4; passes > 0; --passes) {
    const int64_t m = (q.rows - first + passes - 1) / passes;
    float *to = out + first * out_stride;
    if (m == 1) logits_of<1, B>(keys, meta, levels, n, q, workspace, first, prefetch, to, out_stride);
    if (m == 2) logits_of<2, B>(keys, meta, levels, n, q, workspace, first, prefetch, to, out_stride);
    if (m == 3) logits_of<3, B>(keys, meta, levels, n, q, workspace, first, prefetch, to, out_stride);
    if (m == 4) logits_of<4, B>(keys, meta, levels, n, q, workspace, first, prefetch, to, out_stride);
    first += m;
    prefetch.finish();
  }
}

static void key_logits(const PackedTensor &keys, const std::byte *block, int64_t n, const FloatRows &q,
                       const IntegerWorkspace &workspace, float *out, int64_t out_stride) {
  const quant::TensorLayout &layout = *keys.layout;
  const int bits = keys.format->bits;
  LevelSource levels = level_source(bits, layout.units, kBias, block + layout.codes);
  auto by_fours = bits == 8   ? logits_by_fours<8>
                  : bits == 4 ? logits_by_fours<4>
                  : bits == 3 ? logits_by_fours<3>
                  : bits == 2 ? logits_by_fours<2>
                              : logits_by_fours<1>;
  if (bits < 4 && layout.dim_padded % 16 != 0) {
    levels = unpack(bits, levels, layout.units, workspace.levels);
    by_fours = logits_by_fours<0>;
  }
  by_fours(keys, meta_of(keys, block), levels, n, q, workspace, out, out_stride);
}
