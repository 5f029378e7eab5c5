// Vector exp, tanh, erf, to about 2 ulp of f32, and the pair order of load_pair. For any vec_*.inl. Not
// self-contained: included by level_*.cpp.

/// exp(x) for x <= 88; 0 for x below -87.3, so also for -infinity.
KVERN_INLINE Vec exp_of(Vec x) {
  const Vec low = set1(-87.33654f);
  Vec clamped = max_of(min_of(x, set1(88.0f)), low);
  Vec n = round_of(mul(clamped, set1(1.44269504f)));
  Vec r = fma(n, set1(-0.693359375f), clamped);
  r = fma(n, set1(2.12194440e-4f), r);
  Vec p = set1(1.9875691500e-4f);
  p = fma(p, r, set1(1.3981999507e-3f));
  p = fma(p, r, set1(8.3334519073e-3f));
  p = fma(p, r, set1(4.1665795894e-2f));
  p = fma(p, r, set1(1.6666665459e-1f));
  p = fma(p, r, set1(5.0000001201e-1f));
  Vec e = fma(mul(r, r), p, add(r, set1(1.0f)));
  return positive_or(sub(x, low), mul(e, exp2_of_integer(n)), zero());
}

/// 2^t for t <= 0; 0 for -infinity.
KVERN_INLINE Vec exp2_of_negative(Vec t) {
  Vec r = fraction_of(t);
  Vec p = set1(1.877576609e-3f);
  p = fma(p, r, set1(8.989340251e-3f));
  p = fma(p, r, set1(5.582631792e-2f));
  p = fma(p, r, set1(2.401536171e-1f));
  p = fma(p, r, set1(6.931530732e-1f));
  p = fma(p, r, set1(9.999999251e-1f));
  return times_exp2(p, t);
}

/// `inside` for |x| up to `limit`, the sign of x beyond.
KVERN_INLINE Vec saturate(Vec x, float limit, Vec inside) {
  Vec sign = positive_or(x, set1(1.0f), set1(-1.0f));
  return positive_or(sub(abs_of(x), set1(limit)), sign, inside);
}

/// A quotient of polynomials in x^2, times x.
KVERN_INLINE Vec tanh_of(Vec full) {
  Vec x = max_of(min_of(full, set1(7.90531110763549805f)), set1(-7.90531110763549805f));
  Vec s = mul(x, x);
  Vec p = set1(-2.76076847742355e-16f);
  p = fma(p, s, set1(2.00018790482477e-13f));
  p = fma(p, s, set1(-8.60467152213735e-11f));
  p = fma(p, s, set1(5.12229709037114e-08f));
  p = fma(p, s, set1(1.48572235717979e-05f));
  p = fma(p, s, set1(6.37261928875436e-04f));
  p = fma(p, s, set1(4.89352455891786e-03f));
  Vec q = set1(1.19825839466702e-06f);
  q = fma(q, s, set1(1.18534705686654e-04f));
  q = fma(q, s, set1(2.26843463243900e-03f));
  q = fma(q, s, set1(4.89352518554385e-03f));
  return saturate(full, 9.0f, div(mul(x, p), q));
}

KVERN_INLINE Vec erf_of(Vec full) {
  Vec x = max_of(min_of(full, set1(4.0f)), set1(-4.0f));
  Vec s = mul(x, x);
  Vec p = set1(-2.72614225801306e-10f);
  p = fma(p, s, set1(2.77068142495902e-08f));
  p = fma(p, s, set1(-2.10102402082508e-06f));
  p = fma(p, s, set1(-5.69250639462346e-05f));
  p = fma(p, s, set1(-7.34990630326855e-04f));
  p = fma(p, s, set1(-2.95459980854025e-03f));
  p = fma(p, s, set1(-1.60960333262415e-02f));
  Vec q = set1(-1.45660718464996e-05f);
  q = fma(q, s, set1(-2.13374055278905e-04f));
  q = fma(q, s, set1(-1.68282697438203e-03f));
  q = fma(q, s, set1(-7.37332916720468e-03f));
  q = fma(q, s, set1(-1.42647390514189e-02f));
  return saturate(full, 3.92f, div(mul(x, p), q));
}

/// Puts n elements into the pair order of load_pair<type>; the rest behind the last whole pair keeps its
/// order.
static void order_pairs(Dtype type, const float *from, float *to, int64_t n) {
  int64_t whole = n - n % (2 * kWidth);
  for (int64_t i = 0; i < whole; i += 2 * kWidth) {
    for (int j = 0; j < 2 * kWidth; ++j) to[i + j] = from[i + pair_source(type, j)];
  }
  for (int64_t i = whole; i < n; ++i) to[i] = from[i];
}
static void restore_pairs(Dtype type, const float *from, float *to, int64_t n) {
  int64_t whole = n - n % (2 * kWidth);
  for (int64_t i = 0; i < whole; i += 2 * kWidth) {
    for (int j = 0; j < 2 * kWidth; ++j) to[i + pair_source(type, j)] = from[i + j];
  }
  for (int64_t i = whole; i < n; ++i) to[i] = from[i];
}
