// Fetching into the second cache level what will be read soon. No include of its own.

KVERN_INLINE void fetch(const Ahead &ahead, int64_t row) {
  const char *p = ahead.data + row * ahead.stride;
  for (int64_t i = 0; i < ahead.lines; ++i) __builtin_prefetch(p + i * 64, 0, 2);
}

/// R rows at once.
template <int R>
KVERN_INLINE void fetch_rows(const Ahead &ahead, int64_t step) {
  if (ahead.lines == 0) return;
  for (int r = 0; r < R; ++r) fetch(ahead, step * R + r);
}
