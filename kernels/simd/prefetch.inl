// Software prefetch into L2. Not self-contained: included by level_*.cpp.

KVERN_INLINE void prefetch(const PrefetchHint &ahead, int64_t row) {
  const char *p = ahead.data + row * ahead.stride;
  for (int64_t i = 0; i < ahead.lines; ++i) __builtin_prefetch(p + i * 64, 0, 2);
}

/// R rows at once.
template <int R>
KVERN_INLINE void prefetch_rows(const PrefetchHint &ahead, int64_t step) {
  if (ahead.lines == 0) return;
  for (int r = 0; r < R; ++r) prefetch(ahead, step * R + r);
}
