// Dequantization, four tokens by a vector of channels at a time. Not self-contained: included by quant_*.cpp.

/// Offsets of the fields of `kField` bits of 16 tokens, from t on, and kWidth channels, from c on.
template <int kField, bool kKeys>
struct Fields {
  static constexpr int64_t kShared = 8 / kField;  // units that share bytes
  const std::byte *quads[kQuads];
  Ints counts;  ///< shift count of each of a token's keys
  const std::byte *codes;
  int64_t first_unit,
      units;       ///< of values: unit of the first four tokens, and from four tokens to the next four
  int64_t within;  ///< bytes

  inline __attribute__((always_inline)) Fields(const std::byte *from, int64_t dim, int64_t t, int64_t c)
      : codes(from), first_unit(t / 4 * (dim / 16) + c / 16), units(dim / 16), within(c % 16 * 4) {
    if constexpr (kKeys) {
      alignas(64) int32_t shift[kWidth];
      for (int64_t q = 0; q < kQuads; ++q) {
        // beyond the padded head: any code
        const int64_t unit = t / 16 * (dim / 4) + (c / 4 + q < dim / 4 ? c / 4 + q : dim / 4 - 1);
        quads[q] = from + unit / kShared * 64;
        for (int i = 0; i < 4; ++i) shift[4 * q + i] = 8 * i + static_cast<int>(unit % kShared) * kField;
      }
      counts = load_ints(shift);
    }
  }
};

/// The fields of four tokens.
template <int kField, bool kKeys>
struct FourTokens {
  Ints packed, counts;
  int count;

  /// Of the four tokens number `four`.
  inline __attribute__((always_inline)) FourTokens(const Fields<kField, kKeys> &f, int64_t four) {
    if constexpr (kKeys) {
      const std::byte *quads[kQuads];
      for (int q = 0; q < kQuads; ++q) quads[q] = f.quads[q] + four * 16;
      packed = load_quads(quads);
      counts = f.counts;
    } else {
      const int64_t unit = f.first_unit + four * f.units;
      packed = load_ints(f.codes + unit / f.kShared * 64 + f.within);
      count = static_cast<int>(unit % f.kShared) * kField;
    }
  }
  /// Those of token I; bits above the field are undefined.
  template <int I>
  inline __attribute__((always_inline)) Ints token() const {
    if constexpr (kKeys) return shift_right_each(spread<I>(packed), counts);
    return shift_right(packed, count + 8 * I);
  }
};

/// Levels of 16 tokens by kWidth channels.
template <int kBits, bool kKeys>
struct Levels {
  static constexpr int kField = kBits == 3 ? 2 : kBits;
  Fields<kField, kKeys> low;
  Fields<1, kKeys> high;  ///< third bits

  inline __attribute__((always_inline))
  Levels(const std::byte *codes, const TensorLayout &layout, int64_t t, int64_t c)
      : low(codes, layout.dim_padded, t, c), high(codes + layout.units * 16, layout.dim_padded, t, c) {}

  inline __attribute__((always_inline)) void four(const Table &table, int64_t number, Vec *out) const {
    const FourTokens<kField, kKeys> fields(low, number);
    if constexpr (kBits == 3) {
      const FourTokens<1, kKeys> third(high, number);
      out[0] = lookup(table, join_3(fields.template token<0>(), third.template token<0>()));
      out[1] = lookup(table, join_3(fields.template token<1>(), third.template token<1>()));
      out[2] = lookup(table, join_3(fields.template token<2>(), third.template token<2>()));
      out[3] = lookup(table, join_3(fields.template token<3>(), third.template token<3>()));
    } else {
      auto level = [&](Ints code) { return kBits == 8 ? signed_bytes(code) : lookup(table, code); };
      out[0] = level(fields.template token<0>());
      out[1] = level(fields.template token<1>());
      out[2] = level(fields.template token<2>());
      out[3] = level(fields.template token<3>());
    }
  }
};

/// Steps (a 127th of the scale) and zeros, of 16 tokens or of kWidth channels.
struct Steps {
  alignas(64) float step[16], zero[16];
};
KVERN_INLINE void take_steps(const UnpackCall &c, const TensorLayout &layout, int64_t index, int64_t n,
                             Steps &out) {
  const std::byte *scales = c.block + layout.scales, *zeros = c.block + layout.zeros;
  for (int64_t i = 0; i < n; i += kWidth) {
    store(out.step + i, mul(load_as<Dtype::f16>(scales, index + i), set1(1.0f / 127.0f)));
    Vec zero = load_as<Dtype::f16>(zeros, index + i);
    if (layout.zeros_low >= 0) zero = add(zero, load_as<Dtype::f16>(c.block + layout.zeros_low, index + i));
    store(out.zero + i, zero);
  }
}

KVERN_INLINE void put(void *out, Dtype type, int64_t at, Vec v, int64_t n) {
  if (type == Dtype::f32) {
    n >= kWidth ? store_as<Dtype::f32>(out, at, v) : store_as_n<Dtype::f32>(out, at, v, n);
  } else if (type == Dtype::bf16) {
    n >= kWidth ? store_as<Dtype::bf16>(out, at, v) : store_as_n<Dtype::bf16>(out, at, v, n);
  } else {
    v = within(v, -kLargestF16, kLargestF16);
    n >= kWidth ? store_as<Dtype::f16>(out, at, v) : store_as_n<Dtype::f16>(out, at, v, n);
  }
}

/// 16 tokens from t on, kWidth channels from c on, those requested.
template <int kBits, bool kKeys>
KVERN_INLINE void unpack_tile(const UnpackCall &call, const TensorFormat &tensor, const TensorLayout &layout,
                              const Table &table, int64_t t, int64_t c) {
  const bool by_token = tensor.axis == Axis::token;
  const Levels<kBits, kKeys> levels(call.block + layout.codes, layout, t, c);
  Steps steps;
  if (by_token) {
    take_steps(call, layout, c / tensor.group * layout.group_stride + t, 16, steps);
  } else {
    take_steps(call, layout, t / tensor.group * layout.group_stride + c, kWidth, steps);
  }
  const Vec step = load(steps.step), middle = load(steps.zero);
  for (int64_t four = 0; four < 4; ++four) {
    const int64_t row = t + 4 * four - call.first;  // of the output
    if (row + 4 <= 0 || row >= call.n) continue;
    Vec v[4];
    levels.four(table, four, v);
    KVERN_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int64_t at = 4 * four + i;
      if (row + i < 0 || row + i >= call.n) continue;
      v[i] = by_token ? fma(v[i], set1(steps.step[at]), set1(steps.zero[at])) : fma(v[i], step, middle);
      put(call.out, call.type, (row + i) * call.stride + c, v[i], tensor.dim - c);
    }
  }
}

template <int kBits, bool kKeys>
static void unpack_bits(const UnpackCall &call) {
  const TensorFormat &tensor = kKeys ? call.format->key : call.format->value;
  const TensorLayout &layout = kKeys ? call.format->key_layout : call.format->value_layout;
  alignas(64) float level[16] = {};
  for (int code = 0; code < 16 && kBits != 8; ++code) {
    level[code] = quant::levels(kBits)[code & ((1 << kBits) - 1)];
  }
  const Table table = make_table(level);
  for (int64_t t = call.first / 16 * 16; t < call.first + call.n; t += 16) {
    for (int64_t c = 0; c < tensor.dim; c += kWidth)
      unpack_tile<kBits, kKeys>(call, tensor, layout, table, t, c);
  }
}

template <bool kKeys>
static void unpack_tensor(const UnpackCall &call) {
  const int bits = kKeys ? call.format->key.bits : call.format->value.bits;
  if (bits == 8) unpack_bits<8, kKeys>(call);
  if (bits == 4) unpack_bits<4, kKeys>(call);
  if (bits == 3) unpack_bits<3, kKeys>(call);
  if (bits == 2) unpack_bits<2, kKeys>(call);
  if (bits == 1) unpack_bits<1, kKeys>(call);
}

static void unpack(const UnpackCall &call) {
  call.keys ? unpack_tensor<true>(call) : unpack_tensor<false>(call);
}
