// Products with packed matrices: a block of a panel is decoded once for all rows of x. Not self-contained: included by linear_*.cpp
// behind a vec_*.inl and the functions on Codes (linear_codes_*.inl):
//   Codes; kCodes (bytes in it); no_codes, load_codes, low_halves, high_halves, table_of, look_up, quad, to_float, widen
//   add_levels(sum, w0, w1, x0, x1), add_codes(sum, w, x): products of four unsigned levels, or of four signed codes, with
//     four codes of x, added to each 32 bits of `sum`
//   kCodeBias: what add_codes adds to each code of w; round_block

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
    const float max = largest(x), scale = max / 127.0f;
    const int32_t sum = round_block(x, set1(max > 0.0f ? 127.0f / max : 0.0f), to.codes + at * kBlockInputs);
    to.scales[at] = scale;
    to.offsets[at] = -scale * static_cast<float>(sum);
  }
}

/// Where a panel is read: the block, and the scales and zeros of its group.
struct PanelCursor {
  const uint8_t *block;
  int64_t group_row;
};

KVERN_INLINE PanelCursor start_of(const PackedMatrix &w, int64_t panel) {
  return {w.codes + panel * w.panel_bytes(), panel * w.groups() * kPanelRows};
}

/// Of a part of a group: 4 bits, or codes with a bias.
template <int Bits>
KVERN_INLINE Vec zeros_of(const PackedMatrix &w, int64_t group_row) {
  if constexpr (Bits == 8) return set1(static_cast<float>(kCodeBias));
  return w.zeros ? to_float(widen(w.zeros + group_row)) : set1(static_cast<float>(w.zero));
}

/// acc + scale * x.scale * (sum - zero * sum of x's codes)
template <int Bits>
KVERN_INLINE Vec add_block(Vec acc, Codes sum, Vec zeros, Vec scale, const RoundedRows &x, int64_t at) {
  Vec product = mul(to_float(sum), set1(x.scales[at]));
  if constexpr (Bits == 4 || kCodeBias != 0) product = fma(zeros, set1(x.offsets[at]), product);
  return fma(product, scale, acc);
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
      to[2 * v] = look_up(table, low_halves(bytes));
      to[2 * v + 1] = look_up(table, high_halves(bytes));
    }
  }
}

template <int Bits>
KVERN_INLINE Codes dot(const Codes (&w)[8], const int8_t *x) {
  Codes sum[2] = {no_codes(), no_codes()};
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

template <int Bits>
static void multiply_rows(const PackedMatrix &w, int64_t panel, const RoundedRows &x, float *out) {
  const Codes table = table_of(w.levels.data());
  PanelCursor from = start_of(w, panel);
  const int64_t per_group = w.group / kBlockInputs;
  for (int64_t i = 0; i < x.rows * kPanelRows; i += kWidth) store(out + i, zero());
  for (int64_t b = 0; b < x.blocks; ++b, from.block += 64 * Bits) {
    const int64_t group_row = from.group_row + b / per_group * kPanelRows;
    for (int part = 0; part < kParts; ++part) {
      Codes codes[8];
      decode<Bits>(from.block, part, table, codes);
      const Vec zeros = zeros_of<Bits>(w, group_row + part * kWidth);
      const Vec scale = load_as<Dtype::f16>(w.scales, group_row + part * kWidth);
      float *to = out + part * kWidth;
      for (int64_t m = 0, at = b * x.rows; m < x.rows; ++m, ++at, to += kPanelRows)
        store(to,
              add_block<Bits>(load(to), dot<Bits>(codes, x.codes + at * kBlockInputs), zeros, scale, x, at));
    }
  }
}

/// The block's products with one row, all parts of R panels: each four codes of x are loaded once.
template <int Bits, int R>
KVERN_INLINE void dot_row(const PanelCursor (&from)[R], Codes table, const int8_t *x,
                          Codes (&sum)[R][kParts]) {
  KVERN_UNROLL
  for (int i = 0; i < R * kParts; ++i) sum[i / kParts][i % kParts] = no_codes();
  KVERN_UNROLL
  for (int v = 0; v < Bits; ++v) {
    const Codes x0 = quad(x, Bits == 8 ? v : 2 * v), x1 = quad(x, Bits == 8 ? v : 2 * v + 1);
    KVERN_UNROLL
    for (int i = 0; i < R * kParts; ++i) {
      Codes &to = sum[i / kParts][i % kParts];
      const Codes bytes = load_codes(from[i / kParts].block + v * 64 + i % kParts * kCodes);
      if constexpr (Bits == 8) {
        to = add_codes(to, bytes, x0);
      } else {
        to = add_levels(to, look_up(table, low_halves(bytes)), look_up(table, high_halves(bytes)), x0, x1);
      }
    }
  }
}

/// One row of x with panels `panel` and, of two, panel + apart: sums stay in registers.
template <int Bits, int R>
static void multiply_row(const PackedMatrix &w, int64_t panel, int64_t apart, const RoundedRows &x,
                         float *out) {
  const Codes table = table_of(w.levels.data());
  const int64_t per_group = w.group / kBlockInputs, groups = w.groups();
  PanelCursor from[R];
  for (int r = 0; r < R; ++r) from[r] = start_of(w, panel + r * apart);
  Vec acc[R][kParts];
  for (int i = 0; i < R * kParts; ++i) acc[i / kParts][i % kParts] = zero();
  for (int64_t g = 0, at = 0; g < groups; ++g) {
    for (const int64_t end = at + per_group; at < end; ++at) {
      Codes sum[R][kParts];
      dot_row<Bits, R>(from, table, x.codes + at * kBlockInputs, sum);
      KVERN_UNROLL
      for (int i = 0; i < R * kParts; ++i) {
        const int r = i / kParts, part = i % kParts;
        const int64_t place = from[r].group_row + part * kWidth;
        acc[r][part] = add_block<Bits>(acc[r][part], sum[r][part], zeros_of<Bits>(w, place),
                                       load_as<Dtype::f16>(w.scales, place), x, at);
      }
      for (int r = 0; r < R; ++r) from[r].block += 64 * Bits;
    }
    for (int r = 0; r < R; ++r) from[r].group_row += kPanelRows;
  }
  for (int i = 0; i < R * kParts; ++i)
    store(out + i / kParts * apart * kPanelRows + i % kParts * kWidth, acc[i / kParts][i % kParts]);
}

template <int Bits>
static void multiply_bits(const PackedMatrix &w, int64_t first, int64_t panels, const RoundedRows &x,
                          float *out) {
  if (x.rows > 1) {
    for (int64_t p = 0; p < panels; ++p) multiply_rows<Bits>(w, first + p, x, out + p * x.rows * kPanelRows);
    return;
  }
  const int64_t apart = panels / 2;
  for (int64_t p = 0; p < apart; ++p) multiply_row<Bits, 2>(w, first + p, apart, x, out + p * kPanelRows);
  if (panels % 2) multiply_row<Bits, 1>(w, first + panels - 1, 1, x, out + (panels - 1) * kPanelRows);
}

static void multiply(const PackedMatrix &w, int64_t first, int64_t panels, const RoundedRows &x, float *out) {
  if (w.bits == 8) multiply_bits<8>(w, first, panels, x, out);
  if (w.bits == 4) multiply_bits<4>(w, first, panels, x, out);
}
