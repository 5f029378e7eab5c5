// Integer vectors that go with the floats of vec_portable.inl: what the quantizer needs. Not self-contained:
// included by quant_*.cpp.
//
// Every codes_*.inl defines the same names: Ints, kWidth of them; load_quads, spread, shift_right,
// shift_right_each, join_3, signed_bytes; Table, make_table, lookup; above; TableNearest (nearest levels, for
// kTableBits or more); store_codes; exchange.

typedef int32_t Ints __attribute__((vector_size(16)));
typedef uint32_t Unsigned __attribute__((vector_size(16)));
constexpr int kQuads = kWidth / 4;

/// 16 bytes from each address.
KVERN_INLINE Ints load_quads(const std::byte *const *from) {
  Ints v;
  std::memcpy(&v, from[0], sizeof v);
  return v;
}
KVERN_INLINE Ints load_ints(const void *from) {
  Ints v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
/// Element I of each four, broadcast to the four.
template <int I>
KVERN_INLINE Ints spread(Ints v) {
  return Ints{v[I], v[I], v[I], v[I]};
}
KVERN_INLINE Ints shift_right(Ints v, int by) { return (Ints)((Unsigned)v >> static_cast<uint32_t>(by)); }
KVERN_INLINE Ints shift_right_each(Ints v, Ints by) { return (Ints)((Unsigned)v >> (Unsigned)by); }
/// Bits 0 and 1 of `low`, and bit 0 of `high` as bit 2.
KVERN_INLINE Ints join_3(Ints low, Ints high) { return (low & 3) | ((high & 1) << 2); }
/// The lowest byte less 128.
KVERN_INLINE Vec signed_bytes(Ints v) { return __builtin_convertvector((v & 255) - 128, Vec); }

/// Levels of up to 16 codes; higher bits of a code are ignored.
struct Table {
  float level[16];
};
KVERN_INLINE Table make_table(const float *levels) {
  Table t;
  std::memcpy(t.level, levels, sizeof t.level);
  return t;
}
KVERN_INLINE Vec lookup(const Table &t, Ints code) {
  return Vec{t.level[code[0] & 15], t.level[code[1] & 15], t.level[code[2] & 15], t.level[code[3] & 15]};
}

/// y > threshold ? value : 0
KVERN_INLINE Vec above(Vec y, Vec threshold, Vec value) { return (Vec)((y > threshold) & (Ints)value); }

/// Least number of bits for which a table is cheaper than comparing with all thresholds.
constexpr int kTableBits = 4;
struct TableNearest {
  const NearestLevelTable *cells;
  explicit TableNearest(int bits) : cells(&quant::cells(bits)) {}
  inline __attribute__((always_inline)) Vec nearest(Vec y) const {
    Vec out;
    for (int i = 0; i < kWidth; ++i) {
      const int cell = static_cast<int>((y[i] - kFirstCell) * (1.0f / kCellWidth));
      out[i] = y[i] > cells->threshold[cell] ? cells->high[cell] : cells->low[cell];
    }
    return out;
  }
};

KVERN_INLINE void store_codes(uint8_t *to, Vec code) {
  for (int i = 0; i < kWidth; ++i) to[i] = static_cast<uint8_t>(code[i]);
}

/// Exchanges elements i and i ^ Distance.
template <int Distance>
KVERN_INLINE Vec exchange(Vec v) {
  return Vec{v[Distance], v[1 ^ Distance], v[2 ^ Distance], v[3 ^ Distance]};
}
