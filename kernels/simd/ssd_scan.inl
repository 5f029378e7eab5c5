// The recurrence of Mamba-2 in one head of a row, a few vectors of its channels at a time, their states in local memory.
// Not self-contained: included by level_*.cpp.

/// V vectors from channel i on; a V of 1 may have n < kWidth channels.
template <int V>
static void ssd_block(const SsdScanCall &c, int64_t row, int64_t head, int64_t i, int64_t n,
                      const float *steps, const float *decays) {
  Vec h[kMaxSsdStates * V];
  const Recurrence &r = c.tokens;
  const int64_t size = c.heads * c.states * c.head_dim, at = head * c.states * c.head_dim + i;
  const int64_t channel = head * c.head_dim + i, group = head * c.groups / c.heads * c.states;
  auto load_states = [&](const float *from) {
    for (int64_t s = 0; s < c.states; ++s)
      for (int v = 0; v < V; ++v)
        h[s * V + v] = load_some(from + s * c.head_dim + v * kWidth, n - v * kWidth);
  };
  auto store_states = [&](float *to) {
    for (int64_t s = 0; s < c.states; ++s)
      for (int v = 0; v < V; ++v) store_some(to + s * c.head_dim + v * kWidth, h[s * V + v], n - v * kWidth);
  };
  load_states(r.state + row * size + at);
  for (int64_t t = 0; t < r.n_new; ++t) {
    const int64_t token = r.token(row, t);
    Vec y[V], input[V];
    for (int v = 0; v < V; ++v) y[v] = zero();
    if (r.computes(row, t)) {
      const float *x = c.x + token * c.x_stride + channel;
      for (int v = 0; v < V; ++v) {
        Vec element = load_some(x + v * kWidth, n - v * kWidth);
        y[v] = mul(element, set1(c.d[head]));
        input[v] = mul(element, set1(steps[t]));
      }
      const float *b = c.b + token * c.b_stride + group, *to_out = c.c + token * c.c_stride + group;
      const Vec decay = set1(decays[t]);
      for (int64_t s = 0; s < c.states; ++s) {
        const Vec from = set1(b[s]), to = set1(to_out[s]);
        for (int v = 0; v < V; ++v) {
          h[s * V + v] = fma(h[s * V + v], decay, mul(input[v], from));
          y[v] = fma(h[s * V + v], to, y[v]);
        }
      }
    }
    for (int v = 0; v < V; ++v)
      store_some(c.out + token * c.out_stride + channel + v * kWidth, y[v], n - v * kWidth);
    if (r.by_token) store_states(r.new_state + token * size + at);
  }
  if (!r.by_token) store_states(r.new_state + row * size + at);
}

/// steps, decays [n_new]: of this head's tokens.
static void ssd_scan_head(const SsdScanCall &c, int64_t row, int64_t head, const float *steps,
                          const float *decays) {
  int64_t i = 0;
  for (; i + 4 * kWidth <= c.head_dim; i += 4 * kWidth)
    ssd_block<4>(c, row, head, i, 4 * kWidth, steps, decays);
  for (; i < c.head_dim; i += kWidth) ssd_block<1>(c, row, head, i, c.head_dim - i, steps, decays);
}
