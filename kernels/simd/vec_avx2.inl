// A vector of 8 floats: AVX2, FMA, F16C. The names are those of vec_portable.inl. Not self-contained:
// included by level_*.cpp and quant_*.cpp.

typedef __m256 Vec;
constexpr int kWidth = 8;
constexpr int kScoreQueries = 2;
constexpr int kColumnQueries = 4;  // least number of queries for which keys are transposed; 0 = never
constexpr int kGemmRows = 6;

KVERN_INLINE Vec zero() { return _mm256_setzero_ps(); }
KVERN_INLINE Vec set1(float x) { return _mm256_set1_ps(x); }
KVERN_INLINE Vec load(const float *p) { return _mm256_loadu_ps(p); }
KVERN_INLINE void store(float *p, Vec v) { _mm256_storeu_ps(p, v); }
KVERN_INLINE __m256i first_n(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
KVERN_INLINE Vec load_n(const float *p, int64_t n) { return _mm256_maskload_ps(p, first_n(n)); }
KVERN_INLINE void store_n(float *p, Vec v, int64_t n) { _mm256_maskstore_ps(p, first_n(n), v); }

KVERN_INLINE Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
KVERN_INLINE Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
KVERN_INLINE Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
KVERN_INLINE Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
KVERN_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
KVERN_INLINE Vec max_of(Vec a, Vec b) { return _mm256_max_ps(a, b); }
KVERN_INLINE Vec min_of(Vec a, Vec b) { return _mm256_min_ps(a, b); }
KVERN_INLINE Vec abs_of(Vec a) {
  return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)));
}
KVERN_INLINE Vec sqrt_of(Vec a) { return _mm256_sqrt_ps(a); }
KVERN_INLINE Vec positive_or(Vec sign, Vec a, Vec b) {
  return _mm256_blendv_ps(b, a, _mm256_cmp_ps(sign, zero(), _CMP_GT_OQ));
}
KVERN_INLINE Vec round_of(Vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
KVERN_INLINE Vec exp2_of_integer(Vec n) {
  __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}
KVERN_INLINE Vec fraction_of(Vec t) {
  Vec whole = _mm256_max_ps(t, _mm256_set1_ps(-126.0f));
  return _mm256_sub_ps(whole, _mm256_floor_ps(whole));
}
KVERN_INLINE Vec times_exp2(Vec p, Vec t) {
  Vec whole = _mm256_floor_ps(_mm256_max_ps(t, _mm256_set1_ps(-126.0f)));
  return _mm256_and_ps(_mm256_mul_ps(p, exp2_of_integer(whole)),
                       _mm256_cmp_ps(t, _mm256_set1_ps(-126.0f), _CMP_GE_OQ));
}
KVERN_INLINE float reduce_add(Vec v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
KVERN_INLINE float reduce_max(Vec v) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
KVERN_INLINE void reduce_add_4(const Vec *v, float *out) {
  Vec s = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

template <Dtype T>
KVERN_INLINE Vec load_as(const void *p, int64_t i) {
  if constexpr (T == Dtype::f32) return load(static_cast<const float *>(p) + i);
  __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i *>(static_cast<const uint16_t *>(p) + i));
  if constexpr (T == Dtype::bf16)
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
  return _mm256_cvtph_ps(half);
}
template <Dtype T>
KVERN_INLINE Vec load_as_n(const void *p, int64_t i, int64_t n) {
  if constexpr (T == Dtype::f32) return load_n(static_cast<const float *>(p) + i, n);
  uint16_t part[8] = {};
  std::memcpy(part, static_cast<const uint16_t *>(p) + i, static_cast<size_t>(n) * 2);
  return load_as<T>(part, 0);
}
/// bf16: even elements, then odd ones.
template <Dtype T>
KVERN_INLINE void load_pair(const void *p, int64_t i, Vec &a, Vec &b) {
  if constexpr (T == Dtype::bf16) {
    __m256i both =
        _mm256_loadu_si256(reinterpret_cast<const __m256i *>(static_cast<const uint16_t *>(p) + i));
    a = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
    b = _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  } else {
    a = load_as<T>(p, i);
    b = load_as<T>(p, i + kWidth);
  }
}
constexpr int pair_source(Dtype type, int place) {
  return type != Dtype::bf16 ? place : place < kWidth ? 2 * place : 2 * (place - kWidth) + 1;
}
KVERN_INLINE __m128i to_bf16(Vec v) {
  __m256i u = _mm256_castps_si256(v);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  __m256i rounded = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  __m256i quiet = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
  __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  __m256i high = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
  __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(high, high), 0x08);
  return _mm256_castsi256_si128(packed);
}
template <Dtype T>
KVERN_INLINE void store_as(void *p, int64_t i, Vec v) {
  if constexpr (T == Dtype::f32) {
    store(static_cast<float *>(p) + i, v);
  } else {
    __m128i half = T == Dtype::bf16 ? to_bf16(v) : _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(static_cast<uint16_t *>(p) + i), half);
  }
}
template <Dtype T>
KVERN_INLINE void store_as_n(void *p, int64_t i, Vec v, int64_t n) {
  if constexpr (T == Dtype::f32) {
    store_n(static_cast<float *>(p) + i, v, n);
  } else {
    uint16_t part[8];
    store_as<T>(part, 0, v);
    std::memcpy(static_cast<uint16_t *>(p) + i, part, static_cast<size_t>(n) * 2);
  }
}
KVERN_INLINE void transpose(Vec *v) {
  Vec t[8];
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
  }
  Vec s[8];
  for (int h = 0; h < 2; ++h) {
    s[4 * h] = _mm256_shuffle_ps(t[4 * h], t[4 * h + 2], 0x44);
    s[4 * h + 1] = _mm256_shuffle_ps(t[4 * h], t[4 * h + 2], 0xee);
    s[4 * h + 2] = _mm256_shuffle_ps(t[4 * h + 1], t[4 * h + 3], 0x44);
    s[4 * h + 3] = _mm256_shuffle_ps(t[4 * h + 1], t[4 * h + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x20);
    v[i + 4] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x31);
  }
}
/// out[m * out_stride + r] = sum of acc[m][r], for one row or a multiple of four.
template <int M, int R>
KVERN_INLINE void store_accumulators(const Vec (&acc)[M][R], float *out, int64_t out_stride) {
  KVERN_UNROLL
  for (int m = 0; m < M; ++m, out += out_stride) {
    if constexpr (R == 1) *out = reduce_add(acc[m][0]);
    if constexpr (R >= 4) reduce_add_4(&acc[m][0], out);
    if constexpr (R >= 8) reduce_add_4(&acc[m][4], out + 4);
  }
}
/// in[i][r] becomes out[r][i], for 16 rows of 4.
KVERN_INLINE void unzip_16(const float *in, float *out, int64_t apart) {
  for (int r = 0; r < 4; ++r) {
    for (int i = 0; i < 16; ++i) out[r * apart + i] = in[i * 4 + r];
  }
}
