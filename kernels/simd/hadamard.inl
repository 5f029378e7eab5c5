// Hadamard rotation of rows: additions in the order of the reference implementation, so that results are
// bitwise equal. Not self-contained: included by quant_*.cpp.

/// Butterfly: the first of two elements becomes their sum, the second their difference.
template <int kHalf>
KVERN_INLINE Vec butterfly(Vec v) {
  alignas(64) float sign[kWidth];
  for (int i = 0; i < kWidth; ++i) sign[i] = i & kHalf ? -1.0f : 1.0f;
  return fma(v, load(sign), exchange<kHalf>(v));
}
KVERN_INLINE Vec transform_within(Vec v) {
  v = butterfly<2>(butterfly<1>(v));
  if constexpr (kWidth >= 8) v = butterfly<4>(v);
  if constexpr (kWidth >= 16) v = butterfly<8>(v);
  return v;
}

/// x [size], size a power of two and at least kWidth.
KVERN_INLINE void transform(float *x, int64_t size) {
  const Vec factor = set1(1.0f / __builtin_sqrtf(static_cast<float>(size)));
  const bool short_block = size == kWidth;
  for (int64_t i = 0; i < size; i += kWidth) {
    const Vec v = transform_within(load(x + i));
    store(x + i, short_block ? mul(v, factor) : v);
  }
  for (int64_t half = kWidth; half < size; half *= 2) {
    const bool last = 2 * half == size;
    for (int64_t start = 0; start < size; start += 2 * half) {
      for (float *a = x + start; a < x + start + half; a += kWidth) {
        const Vec sum = add(load(a), load(a + half)), difference = sub(load(a), load(a + half));
        store(a, last ? mul(sum, factor) : sum);
        store(a + half, last ? mul(difference, factor) : difference);
      }
    }
  }
}

static void rotate_rows(float *x, int64_t rows, int64_t dim, int64_t stride) {
  const int64_t size = rotation_block(dim);
  for (int64_t row = 0; row < rows; ++row) {
    if (size < kWidth) {
      rotate(x + row * stride, dim);
      continue;
    }
    for (int64_t start = 0; start < dim; start += size) transform(x + row * stride + start, size);
  }
}
