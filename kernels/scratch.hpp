// Working memory that each thread keeps from call to call, so that a decode step allocates nothing once it is
// warm.
#pragma once
#include <cstdint>

namespace kvern::kernels {

/// Who uses the memory: the thread that makes a call may also work on it, so the parts must not share.
enum class ScratchUser { caller, sums, worker, products, unpacked, quantizer };

/// At least `floats` floats, aligned to 64 bytes, of this thread; contents are lost when it grows. Valid
/// until the next request of the same user on the same thread. Throws std::bad_alloc.
float *thread_scratch(ScratchUser user, int64_t floats);

/// Cuts pieces of whole cache lines off a block.
class ScratchCutter {
 public:
  explicit ScratchCutter(float *base) : next_(base) {}
  template <class T>
  T *take(int64_t count) {
    T *piece = reinterpret_cast<T *>(next_);
    next_ += floats<T>(count);
    return piece;
  }
  /// What take<T>(count) uses up.
  template <class T>
  static constexpr int64_t floats(int64_t count) {
    return (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 16;
  }

 private:
  float *next_;
};

}  // namespace kvern::kernels
