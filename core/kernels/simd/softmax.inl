// One block of logits of one query in a running softmax. No include of its own.

static void softmax(float *x, int64_t n, SoftmaxState *state) {
  const float none = -std::numeric_limits<float>::infinity();
  Vec top = set1(state->max);
  for (int64_t i = 0; i < n; i += kWidth) top = max_of(load(x + i), top);
  float max = reduce_max(top);
  if (max == none) {
    for (int64_t i = 0; i < n; i += kWidth) store(x + i, zero());
    state->factor = 1.0f;
    return;
  }
  float shrink = state->max == max ? 1.0f : reduce_max(exp_of(set1(state->max - max)));
  Vec sum = zero(), shift = set1(max);
  for (int64_t i = 0; i < n; i += kWidth) {
    Vec weight = weight_of(sub(load(x + i), shift));
    sum = add(sum, weight);
    store(x + i, weight);
  }
  *state = {max, state->sum * shrink + reduce_add(sum), shrink};
}

static void softcap(float *x, int64_t n, float cap) {
  Vec up = set1(cap), down = set1(1.0f / cap);
  for (int64_t i = 0; i < n; i += kWidth) store(x + i, mul(up, tanh_of(mul(load(x + i), down))));
}

static void scale(float *x, int64_t n, float factor) {
  Vec f = set1(factor);
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) store(x + i, mul(load(x + i), f));
  if (i < n) store_n(x + i, mul(load_n(x + i, n - i), f), n - i);
}
