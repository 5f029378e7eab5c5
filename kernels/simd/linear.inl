// Products with packed matrices: a block of a panel is decoded once for the rows of x that are multiplied at once. Not self-contained: included by linear_*.cpp
// behind a vec_*.inl and the functions on Codes (linear_codes_*.inl):
//   Codes; kCodes (bytes in it); load_codes, table_of, low_levels, high_levels, quad, to_float, widen, same, round_block
//   add_levels(sum, w0, w1, x0, x1), add_codes(sum, w, x): products of four unsigned levels, or of four signed codes, with
//     four codes of x, added to each 32 bits of `sum`
//   times(zeros, start): 32-bit products, of numbers of 16 bits
//   split_words(words, scale, zero): the scales and zeros of one vector of scale_and_zero
//   kCodeBias: what add_codes adds to each code of w
//   kStreams: panels that one row is multiplied with at once; kRowsAtOnce: rows that one panel is

constexpr int kParts = 64 / kCodes;  // of a panel's 16 rows

/// The largest magnitude; NaN if an element is not finite.
KVERN_INLINE float largest(const float *x) {
  Vec max = zero(), not_finite = zero();
  for (int i = 0; i < kBlockInputs; i += kWidth) {
    const Vec v = load(x + i);
    max = max_of(max, abs_of(v));
    not_finite = fma(v, zero(), not_finite);
  }
  return reduce_max(max) + reduce_add(not_finite);
}

static void round_row(const float *x, int64_t row, const RoundedRows &to) {
  for (int64_t b = 0; b < to.blocks; ++b, x += kBlockInputs) {
    const int64_t at = b * to.rows + row;
    const float max = largest(x);
    const bool rounds = max >= kLeastMagnitude;
    to.scales[at] = rounds || !(max > 0.0f) ? max / 127.0f : 0.0f;  // not a number stays so
    if (!rounds) std::memset(to.codes + at * kBlockInputs, 0, kBlockInputs);
    to.sums[at] = rounds ? round_block(x, set1(127.0f / max), to.codes + at * kBlockInputs) : 0;
  }
}

/// The parts [part, part + P) of R panels, as far apart as the first two.
template <int R>
struct PanelCursor {
  const uint8_t *block[R];
  int64_t group_row[R];  ///< where the scales and zeros of the block's group begin

  KVERN_INLINE_MEMBER PanelCursor(const PackedMatrix &w, int64_t panel, int64_t apart, int part) {
    for (int r = 0; r < R; ++r) {
      block[r] = w.codes + (panel + r * apart) * w.panel_bytes() + part * kCodes;
      group_row[r] = (panel + r * apart) * w.groups() * kPanelRows + part * kWidth;
    }
  }
  KVERN_INLINE_MEMBER void next_block(int64_t bytes) {
    for (int r = 0; r < R; ++r) block[r] += bytes;
  }
  KVERN_INLINE_MEMBER void next_group() {
    for (int r = 0; r < R; ++r) group_row[r] += kPanelRows;
  }
};

/// Rows of x from one block on.
struct RowCursor {
  const int8_t *codes;
  const float *scales;
  const int32_t *starts;

  KVERN_INLINE_MEMBER RowCursor(const RoundedRows &x, int64_t row)
      : codes(x.codes + row * kBlockInputs), scales(x.scales + row), starts(x.starts + row) {}
  KVERN_INLINE_MEMBER void next_block(int64_t rows) {
    codes += rows * kBlockInputs, scales += rows, starts += rows;
  }
};

/// The scales of a vector of groups and, of 4 bits, their zeros where each has one.
template <int Bits>
KVERN_INLINE void load_group(const PackedMatrix &w, int64_t place, Vec &scale, Codes &zero) {
  if (Bits == 4 && w.has_offsets) return split_words(w.scales + place, scale, zero);
  scale = load_as<Dtype::f16>(w.scales, place);
  zero = Bits == 4 && w.zeros ? widen(w.zeros + place) : same(1);
}

/// What the sums of a block's products begin with.
template <int Bits>
KVERN_INLINE Codes start_of(const PackedMatrix &w, Codes zero, int32_t start) {
  if (Bits == 8 && kCodeBias == 0) return same(0);
  if (Bits == 4 && w.has_zeros()) return times(zero, same(start));
  return same(start);
}

/// sum[m][i] += the block's products of row m with part i % P of panel i / P.
template <int Bits, int M, int R, int P>
KVERN_INLINE void dot_block(const PanelCursor<R> &w, Codes table, const int8_t *x, Codes (&sum)[M][R * P]) {
  KVERN_UNROLL
  for (int v = 0; v < Bits; ++v) {
    Codes even[R * P], odd[R * P];
    KVERN_UNROLL
    for (int i = 0; i < R * P; ++i) {
      even[i] = load_codes(w.block[i / P] + v * 64 + i % P * kCodes);
      if constexpr (Bits == 8) continue;
      odd[i] = high_levels(table, even[i]);
      even[i] = low_levels(table, even[i]);
    }
    KVERN_UNROLL
    for (int i = 0; i < M * R * P; ++i) {
      const int m = i / (R * P), j = i % (R * P);
      const int8_t *row = x + m * kBlockInputs;
      if constexpr (Bits == 8) {
        sum[m][j] = add_codes(sum[m][j], even[j], quad(row, v));
      } else {
        sum[m][j] = add_levels(sum[m][j], even[j], odd[j], quad(row, 2 * v), quad(row, 2 * v + 1));
      }
    }
  }
}

/// Rows [row, row + M) of x with P parts of R panels. Sums stay in registers.
template <int Bits, int M, int R, int P>
static void multiply_tile(const PackedMatrix &w, int64_t panel, int64_t apart, int part, const RoundedRows &x,
                          int64_t row, float *out) {
  const Codes table = table_of(w.levels.data());
  PanelCursor<R> from(w, panel, apart, part);
  RowCursor rows(x, row);
  Vec acc[M][R * P];
  KVERN_UNROLL
  for (int i = 0; i < M * R * P; ++i) acc[i / (R * P)][i % (R * P)] = zero();
  const int64_t per_group = w.group / kBlockInputs;
  for (int64_t left = x.blocks; left > 0; from.next_group()) {
    for (const int64_t end = left - per_group; left > end; --left) {
      Codes sum[M][R * P];
      Vec scale[R * P];
      KVERN_UNROLL
      for (int i = 0; i < R * P; ++i) {
        Codes zero;
        load_group<Bits>(w, from.group_row[i / P] + i % P * kWidth, scale[i], zero);
        KVERN_UNROLL
        for (int m = 0; m < M; ++m) sum[m][i] = start_of<Bits>(w, zero, rows.starts[m]);
      }
      dot_block<Bits, M, R, P>(from, table, rows.codes, sum);
      KVERN_UNROLL
      for (int i = 0; i < M * R * P; ++i) {
        const int m = i / (R * P), j = i % (R * P);
        acc[m][j] = fma(to_float(sum[m][j]), mul(scale[j], set1(rows.scales[m])), acc[m][j]);
      }
      from.next_block(64 * Bits);
      rows.next_block(x.rows);
    }
  }
  KVERN_UNROLL
  for (int i = 0; i < M * R * P; ++i) {
    const int m = i / (R * P), j = i % (R * P);
    store(out + (j / P * apart * x.rows + row + m) * kPanelRows + (part + j % P) * kWidth, acc[m][j]);
  }
}

/// As many panels at once as are read fastest, then the rest; each panel goes on where the one before it ends.
template <int Bits, int M, int R>
KVERN_INLINE void multiply_streams(const PackedMatrix &w, int64_t first, int64_t panels, const RoundedRows &x,
                                   float *out) {
  const int64_t apart = panels / R, size = x.rows * kPanelRows;
  for (int64_t p = 0; p < apart; ++p)
    multiply_tile<Bits, M, R, kParts>(w, first + p, apart, 0, x, 0, out + p * size);
  for (int64_t p = apart * R; p < panels; ++p)
    multiply_tile<Bits, M, 1, kParts>(w, first + p, 1, 0, x, 0, out + p * size);
}

/// `rows` <= M rows from `row` on with one panel.
template <int Bits, int M>
KVERN_INLINE void multiply_rows(const PackedMatrix &w, int64_t panel, const RoundedRows &x, int64_t row,
                                int64_t rows, float *out) {
  if constexpr (M > 1) {
    if (rows < M) return multiply_rows<Bits, M - 1>(w, panel, x, row, rows, out);
  }
  for (int part = 0; part < kParts; ++part) multiply_tile<Bits, M, 1, 1>(w, panel, 1, part, x, row, out);
}

/// Part `part` of a block, decoded.
template <int Bits>
KVERN_INLINE void decode(const uint8_t *block, int part, Codes table, Codes (&to)[8]) {
  block += part * kCodes;
  KVERN_UNROLL
  for (int v = 0; v < Bits; ++v) {
    const Codes bytes = load_codes(block + v * 64);
    if constexpr (Bits == 8) {
      to[v] = bytes;
    } else {
      to[2 * v] = low_levels(table, bytes);
      to[2 * v + 1] = high_levels(table, bytes);
    }
  }
}

template <int Bits>
KVERN_INLINE Codes dot(Codes start, const Codes (&w)[8], const int8_t *x) {
  Codes sum[2] = {start, same(0)};
  KVERN_UNROLL
  for (int q = 0; q < 8; q += 2) {
    if constexpr (Bits == 8) {
      sum[0] = add_codes(sum[0], w[q], quad(x, q));
      sum[1] = add_codes(sum[1], w[q + 1], quad(x, q + 1));
    } else {
      sum[q / 2 % 2] = add_levels(sum[q / 2 % 2], w[q], w[q + 1], quad(x, q), quad(x, q + 1));
    }
  }
  return add_codes_of(sum[0], sum[1]);
}

/// All rows with one panel, one after the other with each decoded block: where decoding costs more than sums in memory.
template <int Bits>
static void multiply_by_blocks(const PackedMatrix &w, int64_t panel, const RoundedRows &x, float *out) {
  const Codes table = table_of(w.levels.data());
  const int64_t per_group = w.group / kBlockInputs;
  for (int64_t i = 0; i < x.rows * kPanelRows; i += kWidth) store(out + i, zero());
  for (int64_t b = 0; b < x.blocks; ++b) {
    const uint8_t *block = w.codes + panel * w.panel_bytes() + b * 64 * Bits;
    const int64_t group_row = (panel * w.groups() + b / per_group) * kPanelRows;
    for (int part = 0; part < kParts; ++part) {
      Codes codes[8];
      decode<Bits>(block, part, table, codes);
      Vec scale;
      Codes zero;
      load_group<Bits>(w, group_row + part * kWidth, scale, zero);
      float *to = out + part * kWidth;
      for (int64_t m = 0, at = b * x.rows; m < x.rows; ++m, ++at, to += kPanelRows) {
        const Codes start = start_of<Bits>(w, zero, x.starts[at]);
        const Codes sum = dot<Bits>(start, codes, x.codes + at * kBlockInputs);
        store(to, fma(to_float(sum), mul(scale, set1(x.scales[at])), load(to)));
      }
    }
  }
}

template <int Bits>
static void multiply_bits(const PackedMatrix &w, int64_t first, int64_t panels, const RoundedRows &x,
                          float *out) {
  if (x.rows == 1) return multiply_streams<Bits, 1, kStreams>(w, first, panels, x, out);
  if (x.rows == 2 && kParts == 1) return multiply_streams<Bits, 2, kStreams>(w, first, panels, x, out);
  const int64_t tiles = (x.rows + kRowsAtOnce - 1) / kRowsAtOnce;
  for (int64_t p = 0; p < panels; ++p, out += x.rows * kPanelRows) {
    if constexpr (kRowsAtOnce == 1) {
      multiply_by_blocks<Bits>(w, first + p, x, out);
    } else {
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t row = x.rows * i / tiles, end = x.rows * (i + 1) / tiles;
        multiply_rows<Bits, kRowsAtOnce>(w, first + p, x, row, end - row, out);
      }
    }
  }
}

static void multiply(const PackedMatrix &w, int64_t first, int64_t panels, const RoundedRows &x, float *out) {
  if (w.bits == 8) multiply_bits<8>(w, first, panels, x, out);
  if (w.bits == 4) multiply_bits<4>(w, first, panels, x, out);
}
