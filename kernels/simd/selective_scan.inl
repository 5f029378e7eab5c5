// Selective scan of some channels of a row, a vector of channels at a time, its states in local memory. Not
// self-contained: included by level_*.cpp.

/// log(1 + exp(x)), by the series of 2 artanh(u / (2 + u)) = log(1 + u) for u = exp(-|x|).
KVERN_INLINE Vec softplus_of(Vec x) {
  Vec u = exp_of(sub(zero(), abs_of(x)));
  Vec s = div(u, add(u, set1(2.0f)));
  Vec q = mul(s, s);
  Vec p = set1(1.0f / 15.0f);
  p = fma(p, q, set1(1.0f / 13.0f));
  p = fma(p, q, set1(1.0f / 11.0f));
  p = fma(p, q, set1(1.0f / 9.0f));
  p = fma(p, q, set1(1.0f / 7.0f));
  p = fma(p, q, set1(1.0f / 5.0f));
  p = fma(p, q, set1(1.0f / 3.0f));
  p = fma(p, q, set1(1.0f));
  return fma(add(s, s), p, max_of(x, zero()));
}

/// One token: updates the states h and returns the output. a is in units of log 2.
KVERN_INLINE Vec scan_token(const SelectiveScanCall &c, int64_t token, int64_t i, int64_t n, const Vec *a,
                            Vec *h) {
  Vec x = load_some(c.x + token * c.x_stride + i, n);
  Vec step = softplus_of(load_some(c.dt + token * c.dt_stride + i, n));
  Vec input = mul(step, x);
  const float *b = c.b + token * c.b_stride, *to_out = c.c + token * c.c_stride;
  Vec y = mul(load_some(c.d + i, n), x);
  for (int64_t s = 0; s < c.states; ++s) {
    h[s] = fma(h[s], exp2_of_negative(mul(step, a[s])), mul(input, set1(b[s])));
    y = fma(h[s], set1(to_out[s]), y);
  }
  if (c.gate) y = mul(y, activation<Activation::silu>(load_some(c.gate + token * c.gate_stride + i, n)));
  return y;
}

static void scan_vector(const SelectiveScanCall &c, int64_t row, int64_t i, int64_t n) {
  Vec a[kMaxScanStates], h[kMaxScanStates];
  const Recurrence &r = c.tokens;
  int64_t size = c.states * c.channels;
  for (int64_t s = 0; s < c.states; ++s) {
    a[s] = mul(load_some(c.a + s * c.channels + i, n), set1(1.44269504f));
    h[s] = load_some(r.state + row * size + s * c.channels + i, n);
  }
  auto store_states = [&](float *to) {
    for (int64_t s = 0; s < c.states; ++s) store_some(to + s * c.channels + i, h[s], n);
  };
  for (int64_t t = 0; t < r.n_new; ++t) {
    int64_t token = r.token(row, t);
    Vec y = r.computes(row, t) ? scan_token(c, token, i, n, a, h) : zero();
    store_some(c.out + token * c.out_stride + i, y, n);
    if (r.by_token) store_states(r.new_state + token * size);
  }
  if (!r.by_token) store_states(r.new_state + row * size);
}

static void selective_scan_row(const SelectiveScanCall &c, int64_t row, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; i += kWidth) scan_vector(c, row, i, last - i);
}
