// Unpacks codes (layout: kernels/quant/format.hpp) to levels, one byte each, and rounds floats to integers
// with a step. Needs vec_avx512.inl and packed_meta.inl. Not self-contained: included by level_*.cpp and
// packed_*.cpp.

constexpr float kMaxOf16 = 32512.0f;  // 127 * 256: the sum with any low half fits

KVERN_INLINE __m512i load_bytes(const void *p) { return _mm512_loadu_si512(p); }
KVERN_INLINE void store_bytes(void *p, __m512i v) { _mm512_storeu_si512(p, v); }

/// Integers of 16 bits become their high bytes, rounded; returns the low bytes, which have signs: 256 * high + low is the integer.
KVERN_INLINE __m128i split_words(__m512i &whole) {
  const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(whole, _mm512_set1_epi32(128)), 8);
  const __m128i low = _mm512_cvtepi32_epi8(whole);
  whole = high;
  return low;
}

KVERN_INLINE __m512i level_table(int bits, int bias) {
  return _mm512_broadcast_i32x4(level_table_of_16(bits, bias));
}

struct Larger {
  static KVERN_INLINE_MEMBER Vec of(Vec a, Vec b) { return max_of(a, b); }
};
struct Sum {
  static KVERN_INLINE_MEMBER Vec of(Vec a, Vec b) { return add(a, b); }
};
struct SumOfIntegers {
  static KVERN_INLINE_MEMBER Vec of(Vec a, Vec b) {
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
  }
};

/// What each of M vectors, at most four, folds to.
template <class Join, int M>
KVERN_INLINE __m128 fold_all(const Vec (&v)[M]) {
  const Vec second = v[M > 1 ? 1 : 0], third = v[M > 2 ? 2 : 0], fourth = v[M > 3 ? 3 : 0];
  const Vec a = Join::of(_mm512_unpacklo_ps(v[0], second), _mm512_unpackhi_ps(v[0], second));
  const Vec b = Join::of(_mm512_unpacklo_ps(third, fourth), _mm512_unpackhi_ps(third, fourth));
  Vec all = Join::of(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
  all = Join::of(all, _mm512_shuffle_f32x4(all, all, 0x4e));
  all = Join::of(all, _mm512_shuffle_f32x4(all, all, 0xb1));
  return _mm512_castps512_ps128(all);
}

/// How M rows become integers: these stand for `step` * integer, and come from numbers * `inverse`.
template <int M>
struct RowSteps {
  float inverse[4], step[4];

  /// From the largest magnitudes, the integer that these become, and a factor of all steps.
  KVERN_INLINE_MEMBER RowSteps(const Vec (&top)[M], float most, float factor) {
    const __m128 largest = fold_all<Larger>(top);
    const __m128 up = _mm_div_ps(_mm_set1_ps(most), largest);
    const __m128 finite = _mm_cmplt_ps(up, _mm_set1_ps(std::numeric_limits<float>::infinity()));
    _mm_storeu_ps(inverse, _mm_and_ps(up, finite));
    _mm_storeu_ps(step, _mm_mul_ps(largest, _mm_set1_ps(factor / most)));
  }
};

template <int M>
KVERN_INLINE void sum_all(const Vec (&v)[M], float *out) {
  _mm_storeu_ps(out, fold_all<Sum>(v));
}
template <int M>
KVERN_INLINE void sum_all(const __m512i (&v)[M], int32_t *out) {
  Vec as_floats[M];
  KVERN_UNROLL
  for (int m = 0; m < M; ++m) as_floats[m] = _mm512_castsi512_ps(v[m]);
  const __m128 sums = fold_all<SumOfIntegers>(as_floats);
  _mm_storeu_si128(reinterpret_cast<__m128i *>(out), _mm_castps_si128(sums));
}

/// Unit i of those that share 64 bytes: its code in the low bits of each byte, other bits undefined.
template <int B>
KVERN_INLINE __m512i field(__m512i shared, int i) {
  return i == 0 ? shared : _mm512_srli_epi16(shared, static_cast<unsigned>(i * B));
}

/// The level of each byte's low B bits.
template <int B>
KVERN_INLINE __m512i level_of(__m512i table, __m512i code) {
  if constexpr (kAnyBits) return look_up(table, code);
  return look_up(table, _mm512_and_si512(code, _mm512_set1_epi8((1 << B) - 1)));
}

/// Four units of 3 bits: low two bits from `shared`; `third` has third bits in bits 0 to 3.
KVERN_INLINE void join_3_bits(__m512i table, __m512i shared, __m512i third, __m512i *out) {
  const __m512i low_bits = _mm512_set1_epi8(3);
  const __m512i high[4] = {_mm512_slli_epi16(third, 2), _mm512_slli_epi16(third, 1), third,
                           _mm512_srli_epi16(third, 1)};
  KVERN_UNROLL
  for (int i = 0; i < 4; ++i) {
    // low_bits ? shared : high
    out[i] = level_of<3>(table, _mm512_ternarylogic_epi32(low_bits, field<2>(shared, i), high[i], 0xca));
  }
}

/// Units loaded together: as many as fill whole cache lines of B-bit codes, or half ones.
template <int B>
constexpr int kTogether = B == 0 || B == 4 ? 2 : 4;

/// Levels of the kTogether units from `unit` on, a multiple of that number, from codes of B bits.
template <int B>
KVERN_INLINE void unpack_some(const uint8_t *codes, const uint8_t *thirds, __m512i table, int64_t unit,
                              __m512i *out) {
  const __m128i skip = _mm_cvtsi32_si128(static_cast<int>(unit & 4));
  const int64_t eighth = (unit & ~int64_t{7}) * 8;
  if constexpr (B == 3) {
    return join_3_bits(table, load_bytes(codes + unit * 16),
                       _mm512_srl_epi16(load_bytes(thirds + eighth), skip), out);
  }
  __m512i shared = load_bytes(codes + (B == 1 ? eighth : unit * 8 * B));
  if constexpr (B == 1) shared = _mm512_srl_epi16(shared, skip);
  KVERN_UNROLL
  for (int i = 0; i < kTogether<B>; ++i) out[i] = level_of<B>(table, field<B>(shared, i));
}

template <int B>
static void unpack_bits(int64_t units, __m512i table, const std::byte *codes, uint8_t *out) {
  const uint8_t *first = reinterpret_cast<const uint8_t *>(codes);
  for (int64_t unit = 0; unit < units; unit += kTogether<B>) {
    __m512i level[4];
    unpack_some<B>(first, first + units * 16, table, unit, level);
    KVERN_UNROLL
    for (int i = 0; i < kTogether<B>; ++i) store_bytes(out + (unit + i) * 64, level[i]);
  }
}

/// Levels of all units plus `bias` (0 or 128, in unsigned bytes), into `out`; of 8 bits the codes, which are levels plus
/// 128.
static const uint8_t *unpack(int bits, int64_t units, int bias, const std::byte *codes, uint8_t *out) {
  if (bits == 8) return reinterpret_cast<const uint8_t *>(codes);
  const __m512i table = level_table(bits, bias);
  if (bits == 4) unpack_bits<4>(units, table, codes, out);
  if (bits == 3) unpack_bits<3>(units, table, codes, out);
  if (bits == 2) unpack_bits<2>(units, table, codes, out);
  if (bits == 1) unpack_bits<1>(units, table, codes, out);
  return out;
}

/// Source of levels: packed codes of B bits, or levels written by unpack().
struct LevelSource {
  const uint8_t *codes;
  const uint8_t *thirds;  ///< with 3 bits
  __m512i table;          ///< with up to 4 bits
};

static LevelSource level_source(int bits, int64_t units, int bias, const std::byte *codes) {
  const uint8_t *first = reinterpret_cast<const uint8_t *>(codes);
  return {first, first + units * 16, bits == 8 ? _mm512_setzero_si512() : level_table(bits, bias)};
}

/// Levels of P units from `unit` on; both are multiples of kTogether if B is 1 to 4. B = 0: levels written by
/// unpack(), or codes of 8 bits.
template <int B, int P>
KVERN_INLINE void load_levels(const LevelSource &from, int64_t unit, __m512i (&out)[P]) {
  if constexpr (B == 0) {
    KVERN_UNROLL
    for (int i = 0; i < P; ++i) out[i] = load_bytes(from.codes + (unit + i) * 64);
  } else {
    KVERN_UNROLL
    for (int i = 0; i < P; i += kTogether<B>)
      unpack_some<B>(from.codes, from.thirds, from.table, unit + i, out + i);
  }
}
