// Unpacks codes (layout: kernels/quant/format.hpp) to levels, one byte each, and integers to the bytes or
// words that levels are multiplied with. A register is half a unit: 8 tokens (of keys) or 8 channels (of
// values). Needs vec_avx2.inl and packed_meta.inl. Not self-contained: included by level_*.cpp and
// packed_*.cpp.

KVERN_INLINE __m256i load_bytes(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }
KVERN_INLINE __m256i broadcast_4(const void *p) {
  int32_t four;
  memcpy(&four, p, 4);
  return _mm256_set1_epi32(four);
}
KVERN_INLINE int32_t reduce_ints(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/// Source of levels: packed codes of B bits, or (B = 0) levels written by unpack().
struct LevelSource {
  const uint8_t *codes;
  const uint8_t *thirds;  ///< with 3 bits
  __m256i table;          ///< up to 4 bits
};
static LevelSource level_source(int bits, int64_t units, int bias, const std::byte *codes) {
  const uint8_t *first = reinterpret_cast<const uint8_t *>(codes);
  if (bits == 8) return {first, first, _mm256_setzero_si256()};
  return {first, first + units * 16, _mm256_broadcastsi128_si256(level_table_of_16(bits, bias))};
}

/// Field I of those that share bytes, in their lowest bits; other bits undefined.
template <int B>
KVERN_INLINE __m256i field(__m256i shared, int i) {
  return i == 0 ? shared : _mm256_srli_epi16(shared, i * B);
}
KVERN_INLINE __m256i shift_right(__m256i v, int64_t by) {
  return _mm256_srl_epi16(v, _mm_cvtsi32_si128(static_cast<int>(by)));
}

/// The bytes that P units of B bits share from `unit` on, bytes `half` of 64, with the first one in the lowest bits.
template <int B, int P>
KVERN_INLINE __m256i load_shared(const uint8_t *codes, int64_t unit, int64_t half) {
  constexpr int kShared = 8 / B;
  const __m256i shared = load_bytes(codes + unit / kShared * 64 + half);
  return P == kShared ? shared : shift_right(shared, unit % kShared * B);
}

/// Levels of half of P units from `unit` on, whose codes share bytes: `half` is 0 or 32.
template <int B, int P>
KVERN_INLINE void load_levels(const LevelSource &from, int64_t unit, int64_t half, __m256i (&out)[P]) {
  if constexpr (B == 0 || B == 8) {
    KVERN_UNROLL
    for (int i = 0; i < P; ++i) out[i] = load_bytes(from.codes + (unit + i) * 64 + half);
  } else {
    constexpr int kField = B == 3 ? 2 : B;
    const __m256i low_bits = _mm256_set1_epi8(B == 1 ? 1 : B == 4 ? 15 : 3);
    const __m256i shared = load_shared<kField, P>(from.codes, unit, half);
    __m256i third = _mm256_setzero_si256();
    if constexpr (B == 3) third = load_shared<1, P>(from.thirds, unit, half);
    KVERN_UNROLL
    for (int i = 0; i < P; ++i) {
      __m256i code = _mm256_and_si256(field<kField>(shared, i), low_bits);
      if constexpr (B == 3) {
        const __m256i high = i == 3 ? _mm256_srli_epi16(third, 1) : _mm256_slli_epi16(third, 2 - i % 3);
        code = _mm256_or_si256(code, _mm256_and_si256(high, _mm256_set1_epi8(4)));
      }
      out[i] = _mm256_shuffle_epi8(from.table, code);
    }
  }
}

template <int B>
static void unpack_bits(const LevelSource &from, int64_t units, uint8_t *out) {
  constexpr int P = B == 4 ? 2 : 4;
  for (int64_t unit = 0; unit < units; unit += P) {
    for (int64_t half = 0; half < 64; half += 32) {
      __m256i level[P];
      load_levels<B, P>(from, unit, half, level);
      for (int i = 0; i < P; ++i) {
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + (unit + i) * 64 + half), level[i]);
      }
    }
  }
}

/// The levels of all units into `out`, one byte each; up to 4 bits.
static LevelSource unpack(int bits, const LevelSource &from, int64_t units, uint8_t *out) {
  if (bits == 4) unpack_bits<4>(from, units, out);
  if (bits == 3) unpack_bits<3>(from, units, out);
  if (bits == 2) unpack_bits<2>(from, units, out);
  if (bits == 1) unpack_bits<1>(from, units, out);
  return {out, out, from.table};
}

/// 16 integers as bytes with a sign, and without one.
KVERN_INLINE __m128i signed_bytes(__m256i a, __m256i b) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
  return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}
KVERN_INLINE __m128i unsigned_bytes(__m256i a, __m256i b) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

/// 16 integers as words: elements 0, 2, 4 and so on to `even`, the others to `odd`, as the bytes of codes are
/// split.
KVERN_INLINE void store_as_words(void *even, void *odd, __m256i a, __m256i b) {
  const __m256i words = _mm256_packs_epi32(a, b);
  const __m256i split = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(words, 0xd8), 0xd8);
  const __m256i all = _mm256_permutevar8x32_epi32(split, _mm256_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7));
  _mm_storeu_si128(static_cast<__m128i *>(even), _mm256_castsi256_si128(all));
  _mm_storeu_si128(static_cast<__m128i *>(odd), _mm256_extracti128_si256(all, 1));
}

/// Half a unit times four elements of a row, added to `sum`. Up to 4 bits: unsigned bytes times signed ones,
/// of which no two neighbours' products may exceed 16 bits.
KVERN_INLINE __m256i add_dots(__m256i sum, __m256i without_sign, __m256i with_sign) {
  const __m256i pairs = _mm256_maddubs_epi16(without_sign, with_sign);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// With 8 bits: half a unit of codes in words.
struct Words {
  __m256i even, odd;
};
KVERN_INLINE Words words_of(__m256i codes) {
  return {_mm256_and_si256(codes, _mm256_set1_epi16(255)), _mm256_srli_epi16(codes, 8)};
}
KVERN_INLINE __m256i add_dots(__m256i sum, const Words &a, const Words &b) {
  return _mm256_add_epi32(_mm256_add_epi32(sum, _mm256_madd_epi16(a.even, b.even)),
                          _mm256_madd_epi16(a.odd, b.odd));
}
/// The largest integers in words: the sum of the products of n of them with levels of 8 bits fits in 32.
KVERN_INLINE float most_of_words(int64_t n) {
  return n < 512 ? 32767.0f : 16777000.0f / static_cast<float>(n);
}
