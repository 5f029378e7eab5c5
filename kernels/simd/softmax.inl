// Online softmax: one block of logits of one query. Not self-contained: included by level_*.cpp.

/// Maximum of n elements, a multiple of kWidth.
static float largest(const float *x, int64_t n) {
  Vec a = load(x), b = a;
  int64_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    a = max_of(load(x + i), a);
    b = max_of(load(x + i + kWidth), b);
  }
  if (i < n) a = max_of(load(x + i), a);
  return reduce_max(max_of(a, b));
}

static void softmax(float *x, int64_t n, float factor, OnlineSoftmaxState *state) {
  const float none = -std::numeric_limits<float>::infinity();
  const float block = largest(x, n), before = state->max / factor, top = block > before ? block : before;
  if (!(top > none)) {
    for (int64_t i = 0; i < n; i += kWidth) store(x + i, zero());
    state->factor = 1.0f;
    return;
  }
  const float max = block > before ? block * factor : state->max;
  const float shrink = state->max == max ? 1.0f : reduce_max(exp_of(set1(state->max - max)));
  Vec sum = zero(), odd = zero(), shift = set1(top), to_base_2 = set1(factor * 1.44269504f);
  int64_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    Vec a = exp2_of_negative(mul(sub(load(x + i), shift), to_base_2));
    Vec b = exp2_of_negative(mul(sub(load(x + i + kWidth), shift), to_base_2));
    sum = add(sum, a), odd = add(odd, b);
    store(x + i, a), store(x + i + kWidth, b);
  }
  if (i < n) {
    Vec a = exp2_of_negative(mul(sub(load(x + i), shift), to_base_2));
    sum = add(sum, a);
    store(x + i, a);
  }
  *state = {max, state->sum * shrink + reduce_add(add(sum, odd)), shrink};
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
