// Codes of packed matrices in vectors of 32 bytes. Not self-contained: included by linear_avx2.cpp.

typedef __m256i Codes;
constexpr int kCodes = 32;
constexpr int kCodeBias = 0;
constexpr int kStreams = 2, kRowsAtOnce = 1;

KVERN_INLINE Codes load_codes(const uint8_t *p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
}
KVERN_INLINE Codes table_of(const uint8_t *levels) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i *>(levels)));
}
/// Levels of the low, or of the high, half of each byte.
KVERN_INLINE Codes low_levels(Codes table, Codes bytes) {
  return _mm256_shuffle_epi8(table, _mm256_and_si256(bytes, _mm256_set1_epi8(15)));
}
KVERN_INLINE Codes high_levels(Codes table, Codes bytes) {
  return low_levels(table, _mm256_srli_epi16(bytes, 4));
}
KVERN_INLINE Codes same(int32_t x) { return _mm256_set1_epi32(x); }
KVERN_INLINE Codes times(Codes zeros, Codes start) { return _mm256_madd_epi16(zeros, start); }
KVERN_INLINE Codes widen(const uint8_t *p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p)));
}
/// Of words of scale_and_zero.
KVERN_INLINE void split_words(const uint16_t *words, Vec &scale, Codes &zero) {
  const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i *>(words));
  const __m128i f16 = _mm_and_si128(_mm_srli_epi16(both, 1), _mm_set1_epi16(kScaleMask));
  scale = _mm256_cvtph_ps(f16);
  zero = _mm256_cvtepu16_epi32(_mm_and_si128(both, _mm_set1_epi16(kMaxZero)));
}
KVERN_INLINE Codes add_codes_of(Codes a, Codes b) { return _mm256_add_epi32(a, b); }
KVERN_INLINE Vec to_float(Codes sum) { return _mm256_cvtepi32_ps(sum); }
KVERN_INLINE Codes quad(const int8_t *x, int q) {
  int32_t bits;
  std::memcpy(&bits, x + 4 * q, 4);
  return _mm256_set1_epi32(bits);
}

/// Two quads' products fit 16 bits: levels are at most kMaxLevel.
KVERN_INLINE Codes add_levels(Codes sum, Codes w0, Codes w1, Codes x0, Codes x1) {
  const Codes two = _mm256_add_epi16(_mm256_maddubs_epi16(w0, x0), _mm256_maddubs_epi16(w1, x1));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(two, _mm256_set1_epi16(1)));
}

/// The sign of x moves to the code: the first operand of the byte product is unsigned.
KVERN_INLINE Codes add_codes(Codes sum, Codes w, Codes x) {
  const Codes two = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(w, x));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(two, _mm256_set1_epi16(1)));
}

/// 32 codes of x times `inverse`; returns their sum.
KVERN_INLINE int32_t round_block(const float *x, Vec inverse, int8_t *to) {
  __m256i q[4];
  Vec sum = zero();
  KVERN_UNROLL
  for (int i = 0; i < 4; ++i) {
    const Vec rounded = round_of(mul(load(x + 8 * i), inverse));
    sum = add(sum, rounded);
    q[i] = _mm256_cvtps_epi32(rounded);
  }
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
  const __m256i ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), ordered);
  return static_cast<int32_t>(reduce_add(sum));
}
