// A vector of 16 floats: AVX-512 F, BW, VL, DQ. The names are those of vec_portable.inl. Not self-contained:
// included by level_*.cpp and quant_*.cpp.

typedef __m512 Vec;
constexpr int kWidth = 16;
constexpr int kScoreQueries = 4;
constexpr int kColumnQueries = 5;  // least number of queries for which keys are transposed; 0 = never
constexpr int kGemmRows = 12;

KVERN_INLINE Vec zero() { return _mm512_setzero_ps(); }
KVERN_INLINE Vec set1(float x) { return _mm512_set1_ps(x); }
KVERN_INLINE Vec load(const float *p) { return _mm512_loadu_ps(p); }
KVERN_INLINE void store(float *p, Vec v) { _mm512_storeu_ps(p, v); }
KVERN_INLINE __mmask16 first_n(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
KVERN_INLINE Vec load_n(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(first_n(n), p); }
KVERN_INLINE void store_n(float *p, Vec v, int64_t n) { _mm512_mask_storeu_ps(p, first_n(n), v); }

KVERN_INLINE Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
KVERN_INLINE Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
KVERN_INLINE Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
KVERN_INLINE Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
KVERN_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
KVERN_INLINE Vec max_of(Vec a, Vec b) { return _mm512_max_ps(a, b); }
KVERN_INLINE Vec min_of(Vec a, Vec b) { return _mm512_min_ps(a, b); }
KVERN_INLINE Vec abs_of(Vec a) { return _mm512_abs_ps(a); }
KVERN_INLINE Vec sqrt_of(Vec a) { return _mm512_sqrt_ps(a); }
KVERN_INLINE Vec positive_or(Vec sign, Vec a, Vec b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(sign, zero(), _CMP_GT_OQ), b, a);
}
KVERN_INLINE Vec round_of(Vec x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
KVERN_INLINE Vec exp2_of_integer(Vec n) { return _mm512_scalef_ps(set1(1.0f), n); }
KVERN_INLINE Vec fraction_of(Vec t) { return _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF); }
KVERN_INLINE Vec times_exp2(Vec p, Vec t) { return _mm512_scalef_ps(p, t); }
KVERN_INLINE float reduce_add(Vec v) { return _mm512_reduce_add_ps(v); }
KVERN_INLINE float reduce_max(Vec v) { return _mm512_reduce_max_ps(v); }
KVERN_INLINE void reduce_add_4(const Vec *v, float *out) {
  Vec a = add(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
  Vec b = add(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
  Vec s = add(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
  __m256 half = _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}
// Folds of two vectors into one, with one shuffle each, since shuffles are the scarcest execution units:
// halves [a b], quarters [a b a b], pairs [a a b b] of each quarter, single elements [a b a b] of each
// quarter.
KVERN_INLINE Vec fold_halves(Vec a, Vec b) {
  return add(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
}
KVERN_INLINE Vec fold_quarters(Vec a, Vec b) {
  Vec other = _mm512_mask_blend_ps(0xf0f0, b, a);
  return add(_mm512_mask_blend_ps(0xf0f0, a, b), _mm512_shuffle_f32x4(other, other, 0xb1));
}
KVERN_INLINE Vec fold_pairs(Vec a, Vec b) {
  return add(_mm512_mask_blend_ps(0xcccc, a, b), _mm512_shuffle_ps(a, b, 0x4e));
}
KVERN_INLINE Vec fold_singles(Vec a, Vec b) {
  return add(_mm512_mask_blend_ps(0xaaaa, a, b), _mm512_permute_ps(_mm512_mask_blend_ps(0xaaaa, b, a), 0xb1));
}
/// Element 4 * m + r of the result: what v[4 * m + r] adds up to, for M * 4 vectors.
template <int M>
KVERN_INLINE Vec reduce_fours(const Vec *v) {
  Vec z[4];
  KVERN_UNROLL
  for (int r = 0; r < 4; ++r) {
    if constexpr (M == 2) {
      z[r] = fold_halves(v[r], v[4 + r]);
    } else {
      z[r] = fold_quarters(fold_halves(v[r], v[8 + r]), fold_halves(v[4 + r], v[M == 4 ? 12 + r : 8 + r]));
    }
  }
  Vec sum = fold_singles(fold_pairs(z[0], z[2]), fold_pairs(z[1], z[3]));
  if constexpr (M > 2) return sum;
  return _mm512_shuffle_f32x4(add(sum, _mm512_shuffle_f32x4(sum, sum, 0xb1)), sum, 0x08);
}
/// out[m * out_stride + r] = sum of acc[m][r], for one row or a multiple of four.
template <int M, int R>
KVERN_INLINE void store_accumulators(const Vec (&acc)[M][R], float *out, int64_t out_stride) {
  constexpr int kFours = R % 4 == 0 ? M * R / 4 : 0;
  if constexpr (kFours >= 2 && kFours <= 4) {
    Vec all = reduce_fours<kFours>(&acc[0][0]);
    _mm_storeu_ps(out, _mm512_castps512_ps128(all));
    _mm_storeu_ps(out + 4 / R * out_stride + 4 % R, _mm512_extractf32x4_ps(all, 1));
    if constexpr (kFours > 2) _mm_storeu_ps(out + 8 / R * out_stride + 8 % R, _mm512_extractf32x4_ps(all, 2));
    if constexpr (kFours > 3)
      _mm_storeu_ps(out + 12 / R * out_stride + 12 % R, _mm512_extractf32x4_ps(all, 3));
    return;
  }
  KVERN_UNROLL
  for (int m = 0; m < M; ++m, out += out_stride) {
    if constexpr (R == 1) *out = reduce_add(acc[m][0]);
    if constexpr (R == 4) reduce_add_4(&acc[m][0], out);
  }
}
/// in[i][r] becomes out[r][i], for 16 rows of 4.
KVERN_INLINE void unzip_16(const float *in, float *out, int64_t apart) {
  const __m512i low = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(2));
  Vec a = load(in), b = load(in + 16), c = load(in + 32), d = load(in + 48);
  Vec ab = _mm512_permutex2var_ps(a, low, b), cd = _mm512_permutex2var_ps(c, low, d);
  store(out, _mm512_shuffle_f32x4(ab, cd, 0x44));
  store(out + apart, _mm512_shuffle_f32x4(ab, cd, 0xee));
  ab = _mm512_permutex2var_ps(a, high, b), cd = _mm512_permutex2var_ps(c, high, d);
  store(out + 2 * apart, _mm512_shuffle_f32x4(ab, cd, 0x44));
  store(out + 3 * apart, _mm512_shuffle_f32x4(ab, cd, 0xee));
}

KVERN_INLINE Vec widen_bf16(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
template <Dtype T>
KVERN_INLINE Vec load_as(const void *p, int64_t i) {
  if constexpr (T == Dtype::f32) return load(static_cast<const float *>(p) + i);
  __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(static_cast<const uint16_t *>(p) + i));
  if constexpr (T == Dtype::bf16) return widen_bf16(half);
  return _mm512_cvtph_ps(half);
}
template <Dtype T>
KVERN_INLINE Vec load_as_n(const void *p, int64_t i, int64_t n) {
  if constexpr (T == Dtype::f32) return load_n(static_cast<const float *>(p) + i, n);
  __m256i half = _mm256_maskz_loadu_epi16(first_n(n), static_cast<const uint16_t *>(p) + i);
  if constexpr (T == Dtype::bf16) return widen_bf16(half);
  return _mm512_cvtph_ps(half);
}
/// bf16: even elements, then odd ones.
template <Dtype T>
KVERN_INLINE void load_pair(const void *p, int64_t i, Vec &a, Vec &b) {
  if constexpr (T == Dtype::bf16) {
    __m512i both = _mm512_loadu_si512(static_cast<const uint16_t *>(p) + i);
    a = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
    b = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  } else {
    a = load_as<T>(p, i);
    b = load_as<T>(p, i + kWidth);
  }
}
constexpr int pair_source(Dtype type, int place) {
  return type != Dtype::bf16 ? place : place < kWidth ? 2 * place : 2 * (place - kWidth) + 1;
}
KVERN_INLINE __m256i to_bf16(Vec v) {
  __m512i u = _mm512_castps_si512(v);
  __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  rounded = _mm512_mask_or_epi32(rounded, nan, u, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}
template <Dtype T>
KVERN_INLINE void store_as_n(void *p, int64_t i, Vec v, int64_t n) {
  if constexpr (T == Dtype::f32) {
    store_n(static_cast<float *>(p) + i, v, n);
  } else {
    __m256i half = T == Dtype::bf16 ? to_bf16(v) : _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT);
    _mm256_mask_storeu_epi16(static_cast<uint16_t *>(p) + i, first_n(n), half);
  }
}
template <Dtype T>
KVERN_INLINE void store_as(void *p, int64_t i, Vec v) {
  if constexpr (T == Dtype::f32) {
    store(static_cast<float *>(p) + i, v);
  } else {
    __m256i half = T == Dtype::bf16 ? to_bf16(v) : _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(static_cast<uint16_t *>(p) + i), half);
  }
}
KVERN_INLINE void transpose(Vec *v) {
  Vec t[16];
  KVERN_UNROLL
  for (int i = 0; i < 16; i += 4) {  // 4 x 4 within each quarter
    Vec a = _mm512_unpacklo_ps(v[i], v[i + 1]), b = _mm512_unpackhi_ps(v[i], v[i + 1]);
    Vec c = _mm512_unpacklo_ps(v[i + 2], v[i + 3]), d = _mm512_unpackhi_ps(v[i + 2], v[i + 3]);
    t[i] = _mm512_shuffle_ps(a, c, 0x44);
    t[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
    t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
    t[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
  }
  KVERN_UNROLL
  for (int i = 0; i < 4; ++i) {  // then the quarters
    Vec a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88), b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
    Vec c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88),
        d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
    v[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    v[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
    v[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
    v[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
}
