// From codes to levels, one byte each, and from numbers to integers with a step. Needs vec_avx512.inl and
// packed_meta.inl. No include of its own.

constexpr float kMostOf16 = 32512.0f;  // 127 * 256: the low half may add what it likes

KVERN_INLINE __m512i load_bytes(const void *p) { return _mm512_loadu_si512(p); }
KVERN_INLINE void store_bytes(void *p, __m512i v) { _mm512_storeu_si512(p, v); }

KVERN_INLINE __m512i level_table(int bits, int bias) {
  return _mm512_broadcast_i32x4(level_table_of_16(bits, bias));
}

/// Unit i of those that share 64 bytes: its code in the low bits of each byte, other bits undefined.
template <int B>
KVERN_INLINE __m512i field(__m512i shared, int i) {
  return i == 0 ? shared : _mm512_srli_epi16(shared, static_cast<unsigned>(i * B));
}

template <int B>
static void unpack_bits(int64_t units, __m512i table, const std::byte *codes, uint8_t *out) {
  constexpr int kShared = 8 / B;
  const __m512i low_bits = _mm512_set1_epi8(B == 1 ? 1 : B == 2 ? 3 : 15);
  for (int64_t unit = 0; unit < units; unit += kShared, codes += 64) {
    const __m512i shared = load_bytes(codes);
    KVERN_UNROLL
    for (int i = 0; i < kShared; ++i, out += 64) {
      const __m512i code = _mm512_and_si512(field<B>(shared, i), low_bits);
      store_bytes(out, _mm512_shuffle_epi8(table, code));
    }
  }
}

static void unpack_3_bits(int64_t units, __m512i table, const std::byte *codes, uint8_t *out) {
  const std::byte *thirds = codes + units * 16;
  const __m512i low_bits = _mm512_set1_epi8(3), third_bit = _mm512_set1_epi8(4);
  for (int64_t unit = 0; unit < units; unit += 4, codes += 64) {
    const __m512i shared = load_bytes(codes);
    __m512i third = load_bytes(thirds + unit / 8 * 64);
    third = unit % 8 == 0 ? _mm512_slli_epi16(third, 2) : _mm512_srli_epi16(third, 2);
    KVERN_UNROLL
    for (int i = 0; i < 4; ++i, out += 64) {
      const __m512i high = _mm512_and_si512(field<1>(third, i), third_bit);
      // (code & 3) | high
      const __m512i code = _mm512_ternarylogic_epi32(field<2>(shared, i), low_bits, high, 0xea);
      store_bytes(out, _mm512_shuffle_epi8(table, code));
    }
  }
}

/// Levels of all units plus `bias` (0 or 128, in unsigned bytes), into `out`; of 8 bits the codes, which are levels plus
/// 128.
static const uint8_t *unpack(int bits, int64_t units, int bias, const std::byte *codes, uint8_t *out) {
  if (bits == 8) return reinterpret_cast<const uint8_t *>(codes);
  const __m512i table = level_table(bits, bias);
  if (bits == 4) unpack_bits<4>(units, table, codes, out);
  if (bits == 3) unpack_3_bits(units, table, codes, out);
  if (bits == 2) unpack_bits<2>(units, table, codes, out);
  if (bits == 1) unpack_bits<1>(units, table, codes, out);
  return out;
}

/// Where levels come from: codes of B bits as a block has them, or levels as unpack() leaves them.
struct LevelSource {
  const uint8_t *codes;
  const uint8_t *thirds;  ///< with 3 bits
  __m512i table;          ///< with 8 bits: what codes and levels differ in
};

static LevelSource level_source(int bits, int64_t units, int bias, const std::byte *codes) {
  const uint8_t *first = reinterpret_cast<const uint8_t *>(codes);
  const __m512i table = bits == 8 ? _mm512_set1_epi8(static_cast<char>(0x80)) : level_table(bits, bias);
  return {first, first + units * 16, table};
}

/// Four units of 3 bits at `unit`, a multiple of 4.
KVERN_INLINE void load_3_bits(const LevelSource &from, int64_t unit, __m512i (&out)[4]) {
  const __m512i low_bits = _mm512_set1_epi8(3), third_bit = _mm512_set1_epi8(4);
  const __m512i shared = load_bytes(from.codes + unit * 16);
  const __m128i skip = _mm_cvtsi32_si128(static_cast<int>(unit & 4));
  const __m512i third = _mm512_srl_epi16(load_bytes(from.thirds + unit / 8 * 64), skip);
  const __m512i high[4] = {_mm512_slli_epi16(third, 2), _mm512_slli_epi16(third, 1), third,
                           _mm512_srli_epi16(third, 1)};
  KVERN_UNROLL
  for (int i = 0; i < 4; ++i) {
    const __m512i code =
        _mm512_ternarylogic_epi32(field<2>(shared, i), low_bits, _mm512_and_si512(high[i], third_bit), 0xea);
    out[i] = _mm512_shuffle_epi8(from.table, code);
  }
}

/// Levels of P units from `unit` on; both are multiples of 4 if B is 1 to 4. B = 0: levels as unpack() leaves them.
template <int B, int P>
KVERN_INLINE void load_levels(const LevelSource &from, int64_t unit, __m512i (&out)[P]) {
  if constexpr (B == 0 || B == 8) {
    KVERN_UNROLL
    for (int i = 0; i < P; ++i) {
      out[i] = load_bytes(from.codes + (unit + i) * 64);
      if constexpr (B == 8) out[i] = _mm512_xor_si512(out[i], from.table);
    }
  } else if constexpr (B == 3) {
    load_3_bits(from, unit, out);
  } else {
    const __m512i low_bits = _mm512_set1_epi8(B == 1 ? 1 : B == 2 ? 3 : 15);
    __m512i shared = load_bytes(from.codes + unit / (8 / B) * 64);
    if constexpr (B == 1) shared = _mm512_srl_epi16(shared, _mm_cvtsi32_si128(static_cast<int>(unit & 4)));
    KVERN_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (B == 4 && i == 2) shared = load_bytes(from.codes + unit * 32 + 64);
      const __m512i code = _mm512_and_si512(field<B>(shared, i % (B == 4 ? 2 : 4)), low_bits);
      out[i] = _mm512_shuffle_epi8(from.table, code);
    }
  }
}
