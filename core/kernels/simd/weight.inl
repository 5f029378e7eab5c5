// The exponential of a softmax, for instruction sets that have nothing special for it. Needs math.inl. No include of its
// own.

/// exp(x) for x <= 0; 0 for x below -87.3, so also for -infinity.
KVERN_INLINE Vec weight_of(Vec x) { return exp_of(x); }
