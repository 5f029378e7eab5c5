// A vector of 4 floats in the compilers' own vector type: runs on every processor. Not self-contained:
// included by level_*.cpp and quant_*.cpp.
//
// Every vec_*.inl defines the same names: Vec and kWidth; zero, set1, load, store, load_n, store_n; add, sub,
// mul, div, fma, max_of, min_of, abs_of, sqrt_of; positive_or (choose by sign); exp2_of_integer, round_of;
// fraction_of, times_exp2; reduce_add, reduce_max, reduce_add_4; load_as<Dtype>, load_as_n<Dtype>,
// load_pair<Dtype>, store_as; transpose; tuning constants. load_pair reads 2 * kWidth elements in the order
// that is cheapest for the dtype (pair order); pair_source(type, i) is the element at index i, so that the
// f32 operand can be reordered once (order_pairs, restore_pairs).

typedef float Vec __attribute__((vector_size(16)));
typedef int32_t IntVec __attribute__((vector_size(16)));
constexpr int kWidth = 4;
constexpr int kScoreQueries = 2;   // queries per pass over keys
constexpr int kColumnQueries = 0;  // least number of queries for which keys are transposed; 0 = never
constexpr int kGemmRows = 4;       // rows of a tile of the matrix product, 2 vectors wide

KVERN_INLINE Vec zero() { return Vec{0, 0, 0, 0}; }
KVERN_INLINE Vec set1(float x) { return Vec{x, x, x, x}; }
KVERN_INLINE Vec load(const float *p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
KVERN_INLINE void store(float *p, Vec v) { std::memcpy(p, &v, sizeof v); }
KVERN_INLINE Vec load_n(const float *p, int64_t n) {
  Vec v = zero();
  std::memcpy(&v, p, static_cast<size_t>(n) * 4);
  return v;
}
KVERN_INLINE void store_n(float *p, Vec v, int64_t n) { std::memcpy(p, &v, static_cast<size_t>(n) * 4); }

KVERN_INLINE Vec add(Vec a, Vec b) { return a + b; }
KVERN_INLINE Vec sub(Vec a, Vec b) { return a - b; }
KVERN_INLINE Vec mul(Vec a, Vec b) { return a * b; }
KVERN_INLINE Vec div(Vec a, Vec b) { return a / b; }
KVERN_INLINE Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
KVERN_INLINE Vec max_of(Vec a, Vec b) { return a > b ? a : b; }
KVERN_INLINE Vec min_of(Vec a, Vec b) { return a < b ? a : b; }
KVERN_INLINE Vec abs_of(Vec a) { return (Vec)((IntVec)a & 0x7fffffff); }
KVERN_INLINE Vec positive_or(Vec sign, Vec a, Vec b) { return sign > zero() ? a : b; }
/// To the nearest integer, ties to even, for |x| < 2^22.
KVERN_INLINE Vec round_of(Vec x) {
  const Vec magic = set1(12582912.0f);
  return (x + magic) - magic;
}
/// 2^n for integers n in [-126, 127].
KVERN_INLINE Vec exp2_of_integer(Vec n) { return (Vec)((__builtin_convertvector(n, IntVec) + 127) << 23); }
/// An integer at distance at most 1 from t <= 0, for t down to -125.
KVERN_INLINE Vec below(Vec t) { return round_of(max_of(t, set1(-125.0f)) - 0.5f); }
/// The fraction of t <= 0 that times_exp2 does not cover, from 0 to 1; any fraction for t below -125.
KVERN_INLINE Vec fraction_of(Vec t) { return max_of(t, set1(-125.0f)) - below(t); }
/// p * 2^(t - fraction_of(t)); 0 for t below -125.
KVERN_INLINE Vec times_exp2(Vec p, Vec t) {
  return positive_or(t + 125.0f, p * exp2_of_integer(below(t)), zero());
}
KVERN_INLINE float reduce_add(Vec v) { return (v[0] + v[1]) + (v[2] + v[3]); }
KVERN_INLINE float reduce_max(Vec v) {
  float a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
  return a > b ? a : b;
}
/// out[i] = sum of v[i]
KVERN_INLINE void reduce_add_4(const Vec *v, float *out) {
  for (int i = 0; i < 4; ++i) out[i] = reduce_add(v[i]);
}

template <Dtype T>
KVERN_INLINE Vec load_as_n(const void *p, int64_t i, int64_t n) {
  Vec v = zero();
  for (int64_t lane = 0; lane < n; ++lane) v[lane] = load_element(p, T, i + lane);
  return v;
}
template <Dtype T>
KVERN_INLINE Vec load_as(const void *p, int64_t i) {
  if constexpr (T == Dtype::f32) return load(static_cast<const float *>(p) + i);
  const uint16_t *half = static_cast<const uint16_t *>(p) + i;
  if constexpr (T == Dtype::bf16) {
    return (Vec)(IntVec{half[0] << 16, half[1] << 16, half[2] << 16, static_cast<int32_t>(half[3] << 16)});
  }
  return Vec{f16_to_f32(half[0]), f16_to_f32(half[1]), f16_to_f32(half[2]), f16_to_f32(half[3])};
}
template <Dtype T>
KVERN_INLINE void load_pair(const void *p, int64_t i, Vec &a, Vec &b) {
  a = load_as<T>(p, i);
  b = load_as<T>(p, i + kWidth);
}
constexpr int pair_source(Dtype, int place) { return place; }
template <Dtype T>
KVERN_INLINE void store_as_n(void *p, int64_t i, Vec v, int64_t n) {
  for (int64_t lane = 0; lane < n; ++lane) store_element(p, T, i + lane, v[lane]);
}
template <Dtype T>
KVERN_INLINE void store_as(void *p, int64_t i, Vec v) {
  store_as_n<T>(p, i, v, kWidth);
}
KVERN_INLINE Vec sqrt_of(Vec v) {
  for (int i = 0; i < kWidth; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
}
/// Rows become columns.
KVERN_INLINE void transpose(Vec *v) {
  for (int i = 0; i < kWidth; ++i) {
    for (int j = 0; j < i; ++j) {
      float x = v[i][j];
      v[i][j] = v[j][i];
      v[j][i] = x;
    }
  }
}
/// out[m * out_stride + r] = sum of acc[m][r], for one row or a multiple of four.
template <int M, int R>
KVERN_INLINE void store_accumulators(const Vec (&acc)[M][R], float *out, int64_t out_stride) {
  KVERN_UNROLL
  for (int m = 0; m < M; ++m, out += out_stride) {
    if constexpr (R == 1) *out = reduce_add(acc[m][0]);
    if constexpr (R >= 4) reduce_add_4(&acc[m][0], out);
    if constexpr (R >= 8) reduce_add_4(&acc[m][4], out + 4);
  }
}
/// in[i][r] becomes out[r][i], for 16 rows of 4.
KVERN_INLINE void unzip_16(const float *in, float *out, int64_t apart) {
  for (int r = 0; r < 4; ++r) {
    for (int i = 0; i < 16; ++i) out[r * apart + i] = in[i * 4 + r];
  }
}
