// Integer vectors that go with the floats of vec_avx2.inl; the names are those of codes_portable.inl. Not
// self-contained: included by quant_*.cpp.

typedef __m256i Ints;
constexpr int kQuads = kWidth / 4;

KVERN_INLINE Ints load_quads(const std::byte *const *from) {
  return _mm256_loadu2_m128i(reinterpret_cast<const __m128i *>(from[1]),
                             reinterpret_cast<const __m128i *>(from[0]));
}
KVERN_INLINE Ints load_ints(const void *from) {
  return _mm256_loadu_si256(static_cast<const __m256i *>(from));
}
template <int I>
KVERN_INLINE Ints spread(Ints v) {
  return _mm256_shuffle_epi32(v, I * 0x55);
}
KVERN_INLINE Ints shift_right(Ints v, int by) { return _mm256_srl_epi32(v, _mm_cvtsi32_si128(by)); }
KVERN_INLINE Ints shift_right_each(Ints v, Ints by) { return _mm256_srlv_epi32(v, by); }
KVERN_INLINE Ints join_3(Ints low, Ints high) {
  __m256i third = _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(1)), 2);
  return _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi32(3)), third);
}
KVERN_INLINE Vec signed_bytes(Ints v) {
  __m256i byte = _mm256_and_si256(v, _mm256_set1_epi32(255));
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(byte, _mm256_set1_epi32(128)));
}

struct Table {
  Vec low, high;
};
KVERN_INLINE Table make_table(const float *levels) { return {load(levels), load(levels + 8)}; }
KVERN_INLINE Vec lookup(const Table &t, Ints code) {
  Vec low = _mm256_permutevar8x32_ps(t.low, code), high = _mm256_permutevar8x32_ps(t.high, code);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(code, 28)));
}

KVERN_INLINE Vec above(Vec y, Vec threshold, Vec value) {
  return _mm256_and_ps(_mm256_cmp_ps(y, threshold, _CMP_GT_OQ), value);
}

KVERN_INLINE __m256i greater(Vec y, Vec than) {
  return _mm256_castps_si256(_mm256_cmp_ps(y, than, _CMP_GT_OQ));
}
KVERN_INLINE __m256i twice_and(__m256i place, __m256i more) {
  return _mm256_add_epi32(_mm256_add_epi32(place, place), more);
}
constexpr int kTableBits = 4;
/// Binary search of four steps. Comparisons are 0 or -1, so indices count down from 0 (modulo 8, or 16).
struct TableNearest {
  Vec half, quarter[2], eighths, sixteenths;
  Table level;
  inline __attribute__((always_inline)) explicit TableNearest(int) {
    const int8_t *from = quant::levels(4);
    auto threshold = [from](int i) { return 0.5f * static_cast<float>(from[i] + from[i + 1]); };
    alignas(32) float four[8] = {}, eight[8], all[16];
    for (int i = 0; i < 4; ++i) four[-i & 7] = threshold(4 * i + 1);
    for (int i = 0; i < 8; ++i) eight[-i & 7] = threshold(2 * i);
    for (int i = 0; i < 16; ++i) all[-i & 15] = static_cast<float>(from[i]);
    half = set1(threshold(7)), quarter[0] = set1(threshold(3)), quarter[1] = set1(threshold(11));
    eighths = load(four), sixteenths = load(eight), level = make_table(all);
  }
  inline __attribute__((always_inline)) Vec nearest(Vec y) const {
    __m256i place = greater(y, half);
    place =
        twice_and(place, greater(y, _mm256_blendv_ps(quarter[0], quarter[1], _mm256_castsi256_ps(place))));
    place = twice_and(place, greater(y, _mm256_permutevar8x32_ps(eighths, place)));
    place = twice_and(place, greater(y, _mm256_permutevar8x32_ps(sixteenths, place)));
    return lookup(level, place);
  }
};

KVERN_INLINE void store_codes(uint8_t *to, Vec code) {
  __m256i v = _mm256_cvtps_epi32(code);
  __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i *>(to), _mm_packus_epi16(half, half));
}

template <int Distance>
KVERN_INLINE Vec exchange(Vec v) {
  if constexpr (Distance == 1) return _mm256_permute_ps(v, 0xb1);
  if constexpr (Distance == 2) return _mm256_permute_ps(v, 0x4e);
  return _mm256_permute2f128_ps(v, v, 0x01);
}
