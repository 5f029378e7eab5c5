// Codes of packed matrices in vectors of 64 bytes, with or without the dot products of VNNI and the look-ups of VBMI. Not self-contained: included by
// linear_avx512*.cpp, which define KVERN_LINEAR_VNNI and KVERN_LINEAR_VBMI.

typedef __m512i Codes;
constexpr int kCodes = 64;
constexpr int kCodeBias = KVERN_LINEAR_VNNI ? 128 : 0;
constexpr int kStreams = 4, kRowsAtOnce = KVERN_LINEAR_VNNI ? 12 : 1;

KVERN_INLINE Codes load_codes(const uint8_t *p) { return _mm512_loadu_si512(p); }
KVERN_INLINE Codes table_of(const uint8_t *levels) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i *>(levels)));
}
/// Levels of the low, or of the high, half of each byte. The look-up of VBMI takes a table of 64, here four times the same, and
/// ignores the bits above.
#if KVERN_LINEAR_VBMI
KVERN_INLINE Codes low_levels(Codes table, Codes bytes) { return _mm512_permutexvar_epi8(bytes, table); }
#else
KVERN_INLINE Codes low_levels(Codes table, Codes bytes) {
  return _mm512_shuffle_epi8(table, _mm512_and_si512(bytes, _mm512_set1_epi8(15)));
}
#endif
KVERN_INLINE Codes high_levels(Codes table, Codes bytes) {
  return low_levels(table, _mm512_srli_epi16(bytes, 4));
}
KVERN_INLINE Codes same(int32_t x) { return _mm512_set1_epi32(x); }
KVERN_INLINE Codes times(Codes zeros, Codes start) { return _mm512_madd_epi16(zeros, start); }
KVERN_INLINE Codes widen(const uint8_t *p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
}
/// Of words of scale_and_zero.
KVERN_INLINE void split_words(const uint16_t *words, Vec &scale, Codes &zero) {
  const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(words));
  const __m256i f16 = _mm256_and_si256(_mm256_srli_epi16(both, 1), _mm256_set1_epi16(kScaleMask));
  scale = _mm512_cvtph_ps(f16);
  zero = _mm512_cvtepu16_epi32(_mm256_and_si256(both, _mm256_set1_epi16(kMaxZero)));
}
KVERN_INLINE Codes add_codes_of(Codes a, Codes b) { return _mm512_add_epi32(a, b); }
KVERN_INLINE Vec to_float(Codes sum) { return _mm512_cvtepi32_ps(sum); }
KVERN_INLINE Codes quad(const int8_t *x, int q) {
  int32_t bits;
  std::memcpy(&bits, x + 4 * q, 4);
  return _mm512_set1_epi32(bits);
}

#if KVERN_LINEAR_VNNI
KVERN_INLINE Codes add_levels(Codes sum, Codes w0, Codes w1, Codes x0, Codes x1) {
  return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, w0, x0), w1, x1);
}

/// Codes are shifted to 1 ... 255.
KVERN_INLINE Codes add_codes(Codes sum, Codes w, Codes x) {
  return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(w, _mm512_set1_epi8(static_cast<char>(kCodeBias))), x);
}
#else
/// Two quads' products fit 16 bits: levels are at most kMaxLevel.
KVERN_INLINE Codes add_levels(Codes sum, Codes w0, Codes w1, Codes x0, Codes x1) {
  const Codes two = _mm512_add_epi16(_mm512_maddubs_epi16(w0, x0), _mm512_maddubs_epi16(w1, x1));
  return _mm512_add_epi32(sum, _mm512_madd_epi16(two, _mm512_set1_epi16(1)));
}

/// The sign of x moves to the code: the first operand of the byte product is unsigned.
KVERN_INLINE Codes add_codes(Codes sum, Codes w, Codes x) {
  const Codes code = _mm512_mask_sub_epi8(w, _mm512_movepi8_mask(x), _mm512_setzero_si512(), w);
  const Codes two = _mm512_maddubs_epi16(_mm512_abs_epi8(x), code);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(two, _mm512_set1_epi16(1)));
}
#endif

/// 32 codes of x times `inverse`; returns their sum.
KVERN_INLINE int32_t round_block(const float *x, Vec inverse, int8_t *to) {
  Vec sum = zero();
  KVERN_UNROLL
  for (int i = 0; i < 2; ++i) {
    const Vec rounded = round_of(mul(load(x + 16 * i), inverse));
    sum = add(sum, rounded);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(to + 16 * i),
                     _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(rounded)));
  }
  return static_cast<int32_t>(reduce_add(sum));
}
