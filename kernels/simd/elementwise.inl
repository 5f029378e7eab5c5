// Rows of the elementwise kernels: norms, activations, rotary embedding, conversion, argmax. Not
// self-contained: included by level_*.cpp.

/// n elements of `type` at i, the rest of the vector 0.
KVERN_INLINE Vec load_any(const void *p, Dtype type, int64_t i, int64_t n) {
  if (type == Dtype::f32) return n >= kWidth ? load_as<Dtype::f32>(p, i) : load_as_n<Dtype::f32>(p, i, n);
  if (type == Dtype::bf16) return n >= kWidth ? load_as<Dtype::bf16>(p, i) : load_as_n<Dtype::bf16>(p, i, n);
  return n >= kWidth ? load_as<Dtype::f16>(p, i) : load_as_n<Dtype::f16>(p, i, n);
}
KVERN_INLINE void store_any(void *p, Dtype type, int64_t i, Vec v, int64_t n) {
  if (type == Dtype::f32) n >= kWidth ? store_as<Dtype::f32>(p, i, v) : store_as_n<Dtype::f32>(p, i, v, n);
  if (type == Dtype::bf16) n >= kWidth ? store_as<Dtype::bf16>(p, i, v) : store_as_n<Dtype::bf16>(p, i, v, n);
  if (type == Dtype::f16) n >= kWidth ? store_as<Dtype::f16>(p, i, v) : store_as_n<Dtype::f16>(p, i, v, n);
}
KVERN_INLINE Vec load_some(const float *p, int64_t n) { return n >= kWidth ? load(p) : load_n(p, n); }
KVERN_INLINE void store_some(float *p, Vec v, int64_t n) { n >= kWidth ? store(p, v) : store_n(p, v, n); }

/// Adds x to the residual, if there is one; returns the row to be normalized.
static const float *norm_input(const NormCall &c, int64_t row) {
  const float *x = c.x + row * c.x_stride;
  if (!c.residual) return x;
  float *sum = c.residual + row * c.residual_stride;
  for (int64_t i = 0; i < c.dim; i += kWidth) {
    store_some(sum + i, add(load_some(sum + i, c.dim - i), load_some(x + i, c.dim - i)), c.dim - i);
  }
  return sum;
}

static void norm_output(const NormCall &c, int64_t row, const float *x, float mean, float factor,
                        const void *bias) {
  float *out = c.out + row * c.out_stride;
  Vec shift = set1(mean), f = set1(factor), offset = set1(c.weight_offset);
  for (int64_t i = 0; i < c.dim; i += kWidth) {
    int64_t n = c.dim - i;
    Vec y = mul(sub(load_some(x + i, n), shift), f);
    if (c.weight) y = mul(y, add(load_any(c.weight, c.weight_type, i, n), offset));
    if (bias) y = add(y, load_any(bias, c.bias_type, i, n));
    store_some(out + i, y, n);
  }
}

static void rms_norm_row(const NormCall &c, int64_t row) {
  const float *x = norm_input(c, row);
  Vec a = zero(), b = zero();
  int64_t i = 0;
  for (; i + 2 * kWidth <= c.dim; i += 2 * kWidth) {
    a = fma(load(x + i), load(x + i), a);
    b = fma(load(x + i + kWidth), load(x + i + kWidth), b);
  }
  for (; i < c.dim; i += kWidth) a = fma(load_some(x + i, c.dim - i), load_some(x + i, c.dim - i), a);
  float mean_square = reduce_add(add(a, b)) / static_cast<float>(c.dim);
  norm_output(c, row, x, 0.0f, 1.0f / __builtin_sqrtf(mean_square + c.eps), nullptr);
}

static void layer_norm_row(const NormCall &c, int64_t row) {
  const float *x = norm_input(c, row);
  Vec sum = zero(), squares = zero();
  for (int64_t i = 0; i < c.dim; i += kWidth) sum = add(sum, load_some(x + i, c.dim - i));
  float mean = reduce_add(sum) / static_cast<float>(c.dim);
  int64_t whole = c.dim - c.dim % kWidth;
  for (int64_t i = 0; i < whole; i += kWidth) {
    Vec d = sub(load(x + i), set1(mean));
    squares = fma(d, d, squares);
  }
  float rest = 0.0f;
  for (int64_t i = whole; i < c.dim; ++i) rest += (x[i] - mean) * (x[i] - mean);
  float variance = (reduce_add(squares) + rest) / static_cast<float>(c.dim);
  norm_output(c, row, x, mean, 1.0f / __builtin_sqrtf(variance + c.eps), c.bias);
}

template <Activation A>
KVERN_INLINE Vec activation(Vec x) {
  if constexpr (A == Activation::silu) return div(x, add(set1(1.0f), exp_of(sub(zero(), x))));
  if constexpr (A == Activation::relu) return max_of(x, zero());
  if constexpr (A == Activation::relu2) return mul(max_of(x, zero()), x);
  if constexpr (A == Activation::gelu) {
    return mul(mul(x, set1(0.5f)), add(set1(1.0f), erf_of(mul(x, set1(0.70710678f)))));
  }
  if constexpr (A == Activation::gelu_tanh) {
    Vec inner = mul(set1(0.79788456f), fma(mul(mul(x, x), x), set1(0.044715f), x));
    return mul(mul(x, set1(0.5f)), add(set1(1.0f), tanh_of(inner)));
  }
}

template <Activation A>
static void activate_typed(const float *x, const float *up, float *out, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) {
    Vec y = activation<A>(load_some(x + i, n - i));
    if (up) y = mul(y, load_some(up + i, n - i));
    store_some(out + i, y, n - i);
  }
}

static void activate_row(Activation kind, const float *x, const float *up, float *out, int64_t n) {
  if (kind == Activation::silu) activate_typed<Activation::silu>(x, up, out, n);
  if (kind == Activation::gelu_tanh) activate_typed<Activation::gelu_tanh>(x, up, out, n);
  if (kind == Activation::gelu) activate_typed<Activation::gelu>(x, up, out, n);
  if (kind == Activation::relu) activate_typed<Activation::relu>(x, up, out, n);
  if (kind == Activation::relu2) activate_typed<Activation::relu2>(x, up, out, n);
}

static void add_scaled_row(float *out, const float *x, float factor, int64_t n) {
  Vec f = set1(factor);
  for (int64_t i = 0; i < n; i += kWidth) {
    store_some(out + i, fma(load_some(x + i, n - i), f, load_some(out + i, n - i)), n - i);
  }
}

static void rotate_head(float *x, const float *cos, const float *sin, int64_t half, bool interleaved) {
  if (interleaved) {
    for (int64_t i = 0; i < half; ++i) {
      float a = x[2 * i], b = x[2 * i + 1];
      x[2 * i] = a * cos[i] - b * sin[i];
      x[2 * i + 1] = b * cos[i] + a * sin[i];
    }
    return;
  }
  for (int64_t i = 0; i < half; i += kWidth) {
    int64_t n = half - i;
    Vec a = load_some(x + i, n), b = load_some(x + half + i, n), c = load_some(cos + i, n),
        s = load_some(sin + i, n);
    store_some(x + i, sub(mul(a, c), mul(b, s)), n);
    store_some(x + half + i, fma(b, c, mul(a, s)), n);
  }
}

static void convert_row(const void *from, Dtype from_type, void *to, Dtype to_type, int64_t n) {
  if (from_type == to_type) {
    std::memmove(to, from, static_cast<size_t>(n * size_of(to_type)));
    return;
  }
  for (int64_t i = 0; i < n; i += kWidth)
    store_any(to, to_type, i, load_any(from, from_type, i, n - i), n - i);
}

static void round_row(const float *from, float *to, int64_t n) {
  uint16_t half[kWidth];
  for (int64_t i = 0; i < n; i += kWidth) {
    store_as<Dtype::bf16>(half, 0, load_some(from + i, n - i));
    store_some(to + i, load_as<Dtype::bf16>(half, 0), n - i);
  }
}

static int64_t argmax(const float *x, int64_t n) {
  const float none = -std::numeric_limits<float>::infinity();
  Vec top = set1(none);
  int64_t whole = n - n % kWidth;
  for (int64_t i = 0; i < whole; i += kWidth)
    top = max_of(load(x + i), top);  // a NaN in element 0 is dropped
  float max = reduce_max(top);
  for (int64_t i = whole; i < n; ++i) max = x[i] > max ? x[i] : max;
  for (int64_t i = 0; i < n; ++i) {
    if (x[i] == max) return i;
  }
  return 0;
}
