// Levels, scales and zeros of a block's tensor (layout: kernels/quant/format.hpp), for any vector width.
// Needs vec_*.inl. Not self-contained: included by level_*.cpp and packed_*.cpp.

constexpr float kMaxOf8 = 127.0f;  // of the integers of 8 bits with a sign

/// Level table (plus `bias`) of 4-bit codes; entries of fewer bits are repeated.
KVERN_INLINE __m128i level_table_of_16(int bits, int bias) {
  const int8_t *levels = quant::levels(bits);
  int64_t eight = 0;
  memcpy(&eight, levels, bits == 3 ? 8 : bits == 2 ? 4 : 2);
  if (bits == 1) eight |= eight << 16;
  if (bits <= 2) eight |= eight << 32;
  const __m128i table =
      bits == 4 ? _mm_loadu_si128(reinterpret_cast<const __m128i *>(levels)) : _mm_set1_epi64x(eight);
  return _mm_add_epi8(table, _mm_set1_epi8(static_cast<char>(bias)));
}

/// f16 elements [0, n) from p + i, at most kWidth of them; 0 behind.
KVERN_INLINE Vec load_halves(const uint16_t *p, int64_t i, int64_t n) {
  if (n <= 0) return zero();
  return n >= kWidth ? load_as<Dtype::f16>(p, i) : load_as_n<Dtype::f16>(p, i, n);
}

/// The scales and zeros of a block's tensor.
struct PackedMeta {
  const uint16_t *scales, *zeros, *zeros_low;  ///< the last NULL where there is none
};
KVERN_INLINE PackedMeta meta_of(const PackedTensor &tensor, const std::byte *block) {
  auto at = [block](int64_t offset) { return reinterpret_cast<const uint16_t *>(block + offset); };
  const quant::TensorLayout &layout = *tensor.layout;
  return {at(layout.scales), at(layout.zeros), layout.zeros_low < 0 ? nullptr : at(layout.zeros_low)};
}
KVERN_INLINE Vec load_zeros(const PackedMeta &meta, int64_t i, int64_t n) {
  const Vec zeros = load_halves(meta.zeros, i, n);
  return meta.zeros_low ? add(zeros, load_halves(meta.zeros_low, i, n)) : zeros;
}

/// Prefetches in order, some lines at a time, which uses more of the bandwidth than all at once. Into L2: L1
/// has too few fill buffers for that many requests.
struct Prefetcher {
  const char *at, *end;
  int shift;  ///< a step prefetches 1 / 2^shift of the lines that it reads
  /// `near` is cached already; it is touched where there is nothing to prefetch. What is read is read `times`.
  KVERN_INLINE_MEMBER Prefetcher(const PackedPrefetchHint &ahead, const void *near, int64_t times)
      : at(reinterpret_cast<const char *>(ahead.bytes > 0 ? ahead.data : near)),
        end(at + ahead.bytes),
        shift(times > 4 ? 3 : times > 2 ? 2 : times > 1 ? 1 : 0) {}
  /// The share of a step that reads N lines; possibly beyond the end.
  template <int N>
  KVERN_INLINE_MEMBER void lines() {
    if (shift == 0) return fetch<N>();
    if (shift == 1) return fetch<(N + 1) / 2>();
    if (shift == 2) return fetch<(N + 3) / 4>();
    fetch<(N + 7) / 8>();
  }
  template <int N>
  KVERN_INLINE_MEMBER void fetch() {
    KVERN_UNROLL
    for (int i = 0; i < N; ++i) __builtin_prefetch(at + 64 * i, 0, 2);
    at += 64 * N;
  }
  /// Prefetches the rest.
  KVERN_INLINE_MEMBER void finish() {
    for (; at < end; at += 64) __builtin_prefetch(at, 0, 2);
  }
};
