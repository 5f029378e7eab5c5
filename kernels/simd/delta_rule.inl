// Gated delta rule in one head of a row, a few vectors of value channels at a time, their part of the matrix in local
// memory. Not self-contained: included by level_*.cpp.

/// V vectors from value channel i on; a V of 1 may have n < kWidth channels.
template <int V>
static void delta_block(const DeltaRuleCall &c, int64_t row, int64_t head, int64_t i, int64_t n,
                        const float *betas, const float *decays) {
  Vec m[kMaxDeltaKeys * V];
  const Recurrence &r = c.tokens;
  const int64_t size = c.value_heads * c.key_dim * c.value_dim, at = head * c.key_dim * c.value_dim + i;
  const int64_t key = head * c.key_heads / c.value_heads * c.key_dim, channel = head * c.value_dim + i;
  auto load_matrix = [&](const float *from) {
    for (int64_t s = 0; s < c.key_dim; ++s)
      for (int v = 0; v < V; ++v)
        m[s * V + v] = load_some(from + s * c.value_dim + v * kWidth, n - v * kWidth);
  };
  auto store_matrix = [&](float *to) {
    for (int64_t s = 0; s < c.key_dim; ++s)
      for (int v = 0; v < V; ++v) store_some(to + s * c.value_dim + v * kWidth, m[s * V + v], n - v * kWidth);
  };
  load_matrix(r.state + row * size + at);
  for (int64_t t = 0; t < r.n_new; ++t) {
    const int64_t token = r.token(row, t);
    Vec out[V], delta[V];
    for (int v = 0; v < V; ++v) out[v] = delta[v] = zero();
    if (r.computes(row, t)) {
      const float *q = c.q + token * c.q_stride + key, *k = c.k + token * c.k_stride + key;
      const float *value = c.v + token * c.v_stride + channel;
      const Vec decay = set1(decays[t]);
      for (int64_t s = 0; s < c.key_dim; ++s) {
        const Vec weight = set1(k[s]);
        for (int v = 0; v < V; ++v) {
          m[s * V + v] = mul(m[s * V + v], decay);
          delta[v] = fma(m[s * V + v], weight, delta[v]);
        }
      }
      for (int v = 0; v < V; ++v) {
        Vec found = mul(delta[v], set1(c.k_scale));
        delta[v] = mul(sub(load_some(value + v * kWidth, n - v * kWidth), found), set1(betas[t] * c.k_scale));
      }
      for (int64_t s = 0; s < c.key_dim; ++s) {
        const Vec weight = set1(k[s]), query = set1(q[s]);
        for (int v = 0; v < V; ++v) {
          m[s * V + v] = fma(delta[v], weight, m[s * V + v]);
          out[v] = fma(m[s * V + v], query, out[v]);
        }
      }
    }
    for (int v = 0; v < V; ++v)
      store_some(c.out + token * c.out_stride + channel + v * kWidth, mul(out[v], set1(c.q_scale)),
                 n - v * kWidth);
    if (r.by_token) store_matrix(r.new_state + token * size + at);
  }
  if (!r.by_token) store_matrix(r.new_state + row * size + at);
}

/// betas, decays [n_new]: of this head's tokens.
static void delta_rule_head(const DeltaRuleCall &c, int64_t row, int64_t head, const float *betas,
                            const float *decays) {
  int64_t i = 0;
  for (; i + 4 * kWidth <= c.value_dim; i += 4 * kWidth)
    delta_block<4>(c, row, head, i, 4 * kWidth, betas, decays);
  for (; i < c.value_dim; i += kWidth) delta_block<1>(c, row, head, i, c.value_dim - i, betas, decays);
}
