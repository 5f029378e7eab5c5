// Integer vectors that go with the floats of vec_avx512.inl; the names are those of codes_portable.inl. Not
// self-contained: included by quant_*.cpp.

typedef __m512i Ints;
constexpr int kQuads = kWidth / 4;

KVERN_INLINE Ints load_quads(const std::byte *const *from) {
  auto quad = [&](int i) { return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from[i])); };
  __m256i a = _mm256_inserti128_si256(_mm256_castsi128_si256(quad(0)), quad(1), 1);
  __m256i b = _mm256_inserti128_si256(_mm256_castsi128_si256(quad(2)), quad(3), 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}
KVERN_INLINE Ints load_ints(const void *from) { return _mm512_loadu_si512(from); }
template <int I>
KVERN_INLINE Ints spread(Ints v) {
  return _mm512_shuffle_epi32(v, static_cast<_MM_PERM_ENUM>(I * 0x55));
}
KVERN_INLINE Ints shift_right(Ints v, int by) { return _mm512_srl_epi32(v, _mm_cvtsi32_si128(by)); }
KVERN_INLINE Ints shift_right_each(Ints v, Ints by) { return _mm512_srlv_epi32(v, by); }
KVERN_INLINE Ints join_3(Ints low, Ints high) {
  return _mm512_ternarylogic_epi32(_mm512_set1_epi32(3), low, _mm512_slli_epi32(high, 2), 0xca);
}
KVERN_INLINE Vec signed_bytes(Ints v) {
  __m512i byte = _mm512_and_si512(v, _mm512_set1_epi32(255));
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(byte, _mm512_set1_epi32(128)));
}

struct Table {
  Vec level;
};
KVERN_INLINE Table make_table(const float *levels) { return {load(levels)}; }
KVERN_INLINE Vec lookup(const Table &t, Ints code) { return _mm512_permutexvar_ps(code, t.level); }

KVERN_INLINE Vec above(Vec y, Vec threshold, Vec value) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(y, threshold, _CMP_GT_OQ), value);
}

constexpr int kTableBits = 3;
struct TableNearest {
  Vec threshold[2], low[2], high[2];
  inline __attribute__((always_inline)) explicit TableNearest(int bits) {
    const NearestLevelTable &table = quant::cells(bits);
    for (int half = 0; half < 2; ++half) {
      threshold[half] = load(table.threshold + half * kWidth);
      low[half] = load(table.low + half * kWidth);
      high[half] = load(table.high + half * kWidth);
    }
  }
  inline __attribute__((always_inline)) Vec nearest(Vec y) const {
    Vec place = _mm512_fmadd_ps(y, set1(1.0f / kCellWidth), set1(-kFirstCell / kCellWidth));
    __m512i cell = _mm512_cvttps_epi32(place);
    Vec limit = _mm512_permutex2var_ps(threshold[0], cell, threshold[1]);
    Vec down = _mm512_permutex2var_ps(low[0], cell, low[1]);
    Vec up = _mm512_permutex2var_ps(high[0], cell, high[1]);
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(y, limit, _CMP_GT_OQ), down, up);
  }
};

KVERN_INLINE void store_codes(uint8_t *to, Vec code) {
  _mm_storeu_si128(reinterpret_cast<__m128i *>(to), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(code)));
}

template <int Distance>
KVERN_INLINE Vec exchange(Vec v) {
  if constexpr (Distance == 1) return _mm512_permute_ps(v, 0xb1);
  if constexpr (Distance == 2) return _mm512_permute_ps(v, 0x4e);
  if constexpr (Distance == 4) return _mm512_shuffle_f32x4(v, v, 0xb1);
  return _mm512_shuffle_f32x4(v, v, 0x4e);
}
