// The exponential of a softmax in half of exp_of's instructions: AVX-512 splits a number into its floor and the rest, and
// scales by the floor. Needs vec_avx512.inl. No include of its own.

/// exp(x) for x <= 0 to about 2 units in the last place, and (1 - x) * 1e-7 of itself; 0 for x below -87.3, so also for
/// -infinity.
KVERN_INLINE Vec weight_of(Vec x) {
  const Vec y = mul(x, set1(1.44269504f));
  const __mmask16 seen = _mm512_cmp_ps_mask(y, set1(-126.0f), _CMP_GT_OQ);
  const Vec r = _mm512_maskz_reduce_ps(seen, y, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  Vec p = set1(1.867130515e-03f);  // 2^r, 0 <= r < 1, by the polynomial of least error with p(0) = 1
  p = fma(p, r, set1(9.017029777e-03f));
  p = fma(p, r, set1(5.579991266e-02f));
  p = fma(p, r, set1(2.401644439e-01f));
  p = fma(p, r, set1(6.931512952e-01f));
  p = fma(p, r, set1(1.0f));
  return _mm512_maskz_scalef_ps(seen, p, y);
}
