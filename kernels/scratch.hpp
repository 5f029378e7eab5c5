// Per-thread workspace kept between calls: after warm-up a decode step does not allocate.
#pragma once
#include <cstdint>

namespace kvern::kernels {

/// User of the memory: the calling thread may also be a worker, so the users do not share.
enum class ScratchUser {
  caller,
  accumulators,
  worker,
  products,
  unpacked,
  quantizer,
  rounded,
  recurrence,
  mass
};

/// At least `floats` floats, aligned to 64 bytes, of this thread; growth discards the contents. Valid until
/// the next request of the same user on the same thread. Throws std::bad_alloc.
float *thread_scratch(ScratchUser user, int64_t floats);

/// Bump allocator of whole cache lines within a block.
class ScratchArena {
 public:
  explicit ScratchArena(float *base) : next_(base) {}
  template <class T>
  T *take(int64_t count) {
    T *piece = reinterpret_cast<T *>(next_);
    next_ += floats<T>(count);
    return piece;
  }
  /// Size of take<T>(count).
  template <class T>
  static constexpr int64_t floats(int64_t count) {
    return (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 16;
  }

 private:
  float *next_;
};

}  // namespace kvern::kernels
