// Scale and zero of interleaved groups, then their codes. Not self-contained: included by quant_*.cpp.

constexpr int64_t kMaxGroupSize = 256;  // of a group
constexpr float kLargestF16 = 65504.0f;

KVERN_INLINE Vec within(Vec x, float least, float most) { return min_of(max_of(x, set1(least)), set1(most)); }

/// x rounded to f16, also stored to `to`.
KVERN_INLINE Vec round_to_f16(Vec x, uint16_t *to) {
  store_as<Dtype::f16>(to, 0, within(x, -kLargestF16, kLargestF16));
  return load_as<Dtype::f16>(to, 0);
}
KVERN_INLINE Vec round_to_f16(Vec x) {
  uint16_t half[kWidth];
  return round_to_f16(x, half);
}

/// Nearest levels and codes, by comparing with each threshold.
template <int kBits>
struct ChainNearest {
  static constexpr int kThresholds = (1 << kBits) - 1;
  Vec first, threshold[kThresholds], step[kThresholds];
  explicit ChainNearest(int) {
    const int8_t *level = levels(kBits);
    first = set1(level[0]);
    for (int i = 0; i < kThresholds; ++i) {
      threshold[i] = set1(0.5f * static_cast<float>(level[i] + level[i + 1]));
      step[i] = set1(static_cast<float>(level[i + 1] - level[i]));
    }
  }
  inline __attribute__((always_inline)) Vec nearest(Vec y) const {
    Vec out = first;
    KVERN_UNROLL
    for (int i = 0; i < kThresholds; ++i) out = add(out, above(y, threshold[i], step[i]));
    return out;
  }
  inline __attribute__((always_inline)) Vec code(Vec y) const {
    Vec out = zero();
    KVERN_UNROLL
    for (int i = 0; i < kThresholds; ++i) out = add(out, above(y, threshold[i], set1(1.0f)));
    return out;
  }
};
template <>
struct ChainNearest<8> {
  explicit ChainNearest(int) {}
  inline __attribute__((always_inline)) Vec nearest(Vec y) const {
    return round_of(within(y, -128.0f, 127.0f));
  }
  inline __attribute__((always_inline)) Vec code(Vec y) const { return add(nearest(y), set1(128.0f)); }
};
template <int kBits>
using Nearest = std::conditional_t<(kBits >= kTableBits && kBits < 8), TableNearest, ChainNearest<kBits>>;

/// Stored parameters of a group, rounded to f16.
struct Fit {
  Vec scale, zero, zero_low;
};
KVERN_INLINE Vec inverse_of(Vec scale) {
  return positive_or(abs_of(scale), div(set1(127.0f), scale), zero());
}
KVERN_INLINE Fit choose(Vec sign, const Fit &a, const Fit &b) {
  return {positive_or(sign, a.scale, b.scale), positive_or(sign, a.zero, b.zero),
          positive_or(sign, a.zero_low, b.zero_low)};
}
template <int kBits>
KVERN_INLINE Fit round_fit(Vec scale, Vec middle) {
  Fit fit;
  fit.scale = round_to_f16(scale);
  fit.zero = round_to_f16(middle);
  fit.zero_low = kBits == 8 ? round_to_f16(sub(middle, fit.zero)) : zero();
  return fit;
}

struct Range {
  Vec middle, half;
};
KVERN_INLINE Range range_of(const float *x, int64_t n) {
  Vec low = load(x), high = low;
  for (int64_t i = 1; i < n; ++i) {
    low = min_of(load(x + i * kWidth), low);
    high = max_of(load(x + i * kWidth), high);
  }
  const Vec a = mul(set1(0.5f), low), b = mul(set1(0.5f), high);
  return {add(a, b), sub(b, a)};
}
/// The minimum gets the level -127, the maximum 127; a constant that f16 cannot represent gets a scale.
template <int kBits>
KVERN_INLINE Fit fit_range(const Range &range) {
  Fit fit = round_fit<kBits>(range.half, range.middle);
  if constexpr (kBits != 8) {
    const Vec rest = round_to_f16(abs_of(sub(range.middle, fit.zero)));
    fit.scale = positive_or(fit.scale, fit.scale, rest);
  }
  return fit;
}

/// Squared error of a fit, and its mean error.
struct Score {
  Vec error, excess;
};
template <class N>
static Score score_of(const float *x, int64_t n, const N &to, const Fit &fit) {
  const Vec middle = add(fit.zero, fit.zero_low), inverse = inverse_of(fit.scale);
  const Vec step = mul(fit.scale, set1(1.0f / 127.0f));
  Vec error = zero(), excess = zero();
  for (int64_t i = 0; i < n; ++i) {
    const Vec number = sub(load(x + i * kWidth), middle);
    const Vec level = to.nearest(within(mul(number, inverse), -128.0f, 127.5f));
    const Vec rest = sub(number, mul(level, step));
    error = fma(rest, rest, error);
    excess = add(excess, rest);
  }
  return {error, mul(excess, set1(1.0f / static_cast<float>(n)))};
}

/// Linear fit slope * level + at, in the units of `centred`; `gain` is the reduction of the squared error.
struct Line {
  Vec slope, at, gain;
};
/// Assigns each element x the level nearest to inverse * x + offset, and fits the best line for these levels.
template <class N>
static Line line_of(const float *centred, int64_t n, const N &to, Vec inverse, Vec offset) {
  Vec sum = zero(), squares = zero(), product = zero();
  for (int64_t i = 0; i < n; ++i) {
    const Vec number = load(centred + i * kWidth);
    const Vec level = to.nearest(within(fma(number, inverse, offset), -128.0f, 127.5f));
    sum = add(sum, level);
    squares = fma(level, level, squares);
    product = fma(level, number, product);
  }
  const Vec mean = mul(sum, set1(1.0f / static_cast<float>(n)));
  const Vec variance = max_of(sub(squares, mul(sum, mean)), set1(1e-3f));
  Line line;
  line.slope = div(product, variance);
  line.at = sub(zero(), mul(line.slope, mean));
  line.gain = mul(product, line.slope);
  return line;
}
KVERN_INLINE Line better(const Line &a, const Line &b) {
  const Vec sign = sub(a.gain, b.gain);
  return {positive_or(sign, a.slope, b.slope), positive_or(sign, a.at, b.at),
          positive_or(sign, a.gain, b.gain)};
}

/// Writes the elements minus their mean, scaled so that half of the range is 127; returns the mean.
KVERN_INLINE Vec centre(const float *x, int64_t n, const Range &range, float *centred) {
  Vec sum = zero();
  for (int64_t i = 0; i < n; ++i) sum = add(sum, sub(load(x + i * kWidth), range.middle));
  const Vec mean = fma(sum, set1(1.0f / static_cast<float>(n)), range.middle);
  const Vec unit = inverse_of(range.half);
  for (int64_t i = 0; i < n; ++i) store(centred + i * kWidth, mul(sub(load(x + i * kWidth), mean), unit));
  return mean;
}

/// The best of all initial_fits, then of `rounds` steps of least squares.
template <int kBits>
static Fit search_lines(const FitCall &c, const Range &range) {
  alignas(64) float centred[kMaxGroupSize * kWidth];
  const Vec mean = centre(c.x, c.n, range, centred);
  const Vec middle = mul(sub(range.middle, mean), inverse_of(range.half));
  const Nearest<kBits> to(kBits);
  Line best = {zero(), zero(), set1(-1.0f)};
  for (int i = 0; i < c.plan->n_initial_fits; ++i) {
    const Vec inverse = set1(1.0f / c.plan->initial_fits[i].span);
    const Vec at = add(middle, set1(127.0f * c.plan->initial_fits[i].shift));
    best = better(line_of(centred, c.n, to, inverse, sub(zero(), mul(at, inverse))), best);
  }
  for (int round = 0; round < c.plan->rounds; ++round) {
    const Vec steep = sub(abs_of(best.slope), set1(1e-4f));
    const Vec inverse = positive_or(steep, div(set1(1.0f), best.slope), zero());
    best = better(line_of(centred, c.n, to, inverse, sub(zero(), mul(best.at, inverse))), best);
  }
  const Vec unit = mul(range.half, set1(1.0f / 127.0f));
  return round_fit<kBits>(mul(best.slope, range.half), fma(best.at, unit, mean));
}

/// With 8 bits steps are so fine that rounding the scale to f16 matters: each candidate is evaluated rounded,
/// and its zero corrected once.
static Fit search_spans(const FitCall &c, const Range &range, const Fit &first) {
  const Nearest<8> to(8);
  Fit best = first;
  Vec error = score_of(c.x, c.n, to, first).error;
  for (int i = 0; i < c.plan->n_initial_fits; ++i) {
    const Vec scale = mul(range.half, set1(254.0f / 255.0f * c.plan->initial_fits[i].span));
    const Vec step = mul(scale, set1(1.0f / 127.0f));
    Vec middle = fma(step, set1(0.5f + c.plan->initial_fits[i].shift), range.middle);
    for (int round = 0; round <= c.plan->rounds; ++round) {
      const Fit fit = round_fit<8>(scale, middle);
      const Score score = score_of(c.x, c.n, to, fit);
      const Vec sign = sub(error, score.error);
      best = choose(sign, fit, best);
      error = min_of(error, score.error);
      middle = add(add(fit.zero, fit.zero_low), score.excess);
    }
  }
  return best;
}

template <int kBits>
static void fit_bits(const FitCall &c) {
  const Range range = range_of(c.x, c.n);
  Fit fit = fit_range<kBits>(range);
  if (c.plan->n_initial_fits > 0) {
    if constexpr (kBits == 8) {
      fit = search_spans(c, range, fit);
    } else {
      const Nearest<kBits> to(kBits);
      const Fit found = search_lines<kBits>(c, range);
      fit = choose(sub(score_of(c.x, c.n, to, fit).error, score_of(c.x, c.n, to, found).error), found, fit);
    }
  }
  round_to_f16(fit.scale, c.scale);
  round_to_f16(fit.zero, c.zero);
  if (c.zero_low) round_to_f16(fit.zero_low, c.zero_low);
  const ChainNearest<kBits> to(kBits);
  const Vec middle = add(fit.zero, fit.zero_low), inverse = inverse_of(fit.scale);
  for (int64_t i = 0; i < c.n; ++i) {
    store_codes(c.codes + i * kWidth, to.code(mul(sub(load(c.x + i * kWidth), middle), inverse)));
  }
}

static void fit(const FitCall &c) {
  if (c.plan->bits == 8) fit_bits<8>(c);
  if (c.plan->bits == 4) fit_bits<4>(c);
  if (c.plan->bits == 3) fit_bits<3>(c);
  if (c.plan->bits == 2) fit_bits<2>(c);
  if (c.plan->bits == 1) fit_bits<1>(c);
}

static void clean(float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) {
    const Vec v = n - i >= kWidth ? load(x + i) : load_n(x + i, n - i);
    const Vec number = add(abs_of(v), set1(1.0f));  // not above 0 only for NaN
    const Vec out = positive_or(number, within(v, -2 * kLargestF16, 2 * kLargestF16), zero());
    n - i >= kWidth ? store(x + i, out) : store_n(x + i, out, n - i);
  }
}
