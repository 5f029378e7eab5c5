// Depthwise causal convolution of some channels of a row. Not self-contained: included by level_*.cpp.

/// One input of all channels: x times gate, or as it is where gate is null.
struct ConvInput {
  const float *x, *gate;
  KVERN_INLINE_MEMBER Vec at(int64_t i, int64_t n) const {
    Vec v = load_some(x + i, n);
    return gate ? mul(v, load_some(gate + i, n)) : v;
  }
};

/// The input of token t of a row; those before the first computed one are in the state.
static ConvInput conv_input(const CausalConvCall &c, int64_t row, int64_t t) {
  const Recurrence &r = c.tokens;
  if (t < r.begin[row]) {
    int64_t slot = t - r.begin[row] + c.taps - 1;
    return {r.state + (row * (c.taps - 1) + slot) * c.channels, nullptr};
  }
  int64_t token = r.token(row, t);
  return {c.x + token * c.x_stride, c.x_gate ? c.x_gate + token * c.x_gate_stride : nullptr};
}

static void conv_token(const CausalConvCall &c, int64_t row, int64_t t, int64_t first, int64_t last) {
  ConvInput inputs[kMaxTaps];
  for (int64_t k = 0; k < c.taps; ++k) inputs[k] = conv_input(c, row, t - c.taps + 1 + k);
  int64_t token = c.tokens.token(row, t);
  float *out = c.out + token * c.out_stride;
  const float *gate = c.out_gate ? c.out_gate + token * c.out_gate_stride : nullptr;
  for (int64_t i = first; i < last; i += kWidth) {
    int64_t n = last - i;
    Vec sum = c.bias ? load_some(c.bias + i, n) : zero();
    for (int64_t k = 0; k < c.taps; ++k)
      sum = fma(inputs[k].at(i, n), load_some(c.weight + k * c.channels + i, n), sum);
    if (c.silu) sum = activation<Activation::silu>(sum);
    if (gate) sum = mul(sum, load_some(gate + i, n));
    store_some(out + i, sum, n);
  }
}

/// The state behind token t: the last taps - 1 inputs up to it.
static void conv_state(const CausalConvCall &c, int64_t row, int64_t t, int64_t first, int64_t last,
                       float *to) {
  for (int64_t k = 1; k < c.taps; ++k, to += c.channels) {
    ConvInput input = conv_input(c, row, t - c.taps + 1 + k);
    for (int64_t i = first; i < last; i += kWidth) store_some(to + i, input.at(i, last - i), last - i);
  }
}

static void causal_conv_row(const CausalConvCall &c, int64_t row, int64_t first, int64_t last) {
  const Recurrence &r = c.tokens;
  int64_t size = (c.taps - 1) * c.channels;
  for (int64_t t = 0; t < r.n_new; ++t) {
    if (r.computes(row, t)) {
      conv_token(c, row, t, first, last);
    } else {
      float *out = c.out + r.token(row, t) * c.out_stride;
      for (int64_t i = first; i < last; i += kWidth) store_some(out + i, zero(), last - i);
    }
    if (!r.by_token) continue;
    int64_t last_input = t < r.begin[row] ? r.begin[row] - 1 : t < r.end[row] ? t : r.end[row] - 1;
    conv_state(c, row, last_input, first, last, r.new_state + r.token(row, t) * size);
  }
  if (!r.by_token) conv_state(c, row, r.end[row] - 1, first, last, r.new_state + row * size);
}
