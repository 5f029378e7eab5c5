// Runs kernels on a CPU, for tests: blocks one after another, threads as fibers that give way only where they meet others. The
// order of blocks and threads is drawn from a seed; what nobody wrote is NaN; copies arrive as late as they may; meeting at
// different places, or not at all, ends the program with both lines. Built with -fsanitize=thread, accesses of shared or global
// memory without a barrier between are reported; with -fsanitize=address, what lies outside of a buffer.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

#include "kernels/dtype.hpp"

#define __global__
#define __device__
#define __launch_bounds__(...)

struct uint4 {
  uint32_t x, y, z, w;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace kvern::device {

/// Where a call stands (clang 14 has no std::source_location).
struct Place {
  const char *file = "";
  unsigned line = 0;
  static Place current(const char *file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

namespace emulation {

/// The order of threads and blocks: 0: as they are numbered; else drawn from it.
uint64_t &order_seed();

struct Counters {
  int64_t launches, blocks, threads, switches;
};
Counters &counters();

/// The stream of a simulated driver. A launch without a stream is done at once.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void give(std::function<void()> work) = 0;
  /// Is this memory of the device, or pinned for it?
  virtual bool holds(const void *address) const = 0;
};
/// The words of a kernel's argument are no addresses but of that stream's memory: a card would end at others. Throws DeviceFailure.
void check_addresses(const Stream &stream, const void *argument, std::size_t bytes);

enum class Meet { block, shuffle, product };
/// The running fiber's own view.
struct Self {
  dim3 thread, block, block_dim, grid_dim;
};
const Self &self();
unsigned char *block_memory();
constexpr int kSlot = 32;
/// Gives `mine` (at most kSlot bytes) to the threads of the warp, or of the block, waits for all of them, and returns what the
/// warp gave, [32][kSlot].
const unsigned char *meet(Meet kind, const void *mine, int bytes, const Place &place);
void copy_later(void *to, const void *from, bool there);
void commit_copies();
void finish_copies(int left);
/// What a launch with more than a card allows, or with nothing, would be: ends the program.
void run(const std::function<void()> &kernel, dim3 grid, int threads, int shared_bytes);

}  // namespace emulation

#define threadIdx (::kvern::device::emulation::self().thread)
#define blockIdx (::kvern::device::emulation::self().block)
#define blockDim (::kvern::device::emulation::self().block_dim)
#define gridDim (::kvern::device::emulation::self().grid_dim)

inline unsigned char *shared_memory() { return emulation::block_memory(); }
inline void sync_block(Place place = Place::current()) {
  emulation::meet(emulation::Meet::block, nullptr, 0, place);
}
template <class T>
T shuffle_xor(T value, int lane_mask, Place place = Place::current()) {
  const unsigned char *all = emulation::meet(emulation::Meet::shuffle, &value, sizeof value, place);
  T other;
  std::memcpy(&other, all + emulation::kSlot * ((threadIdx.x % 32) ^ static_cast<unsigned>(lane_mask)),
              sizeof other);
  return other;
}
inline uint4 load_once(const void *from) {
  if (reinterpret_cast<uintptr_t>(from) % 16)
    __builtin_trap();  // as on a card: a misaligned address ends the program
  return *static_cast<const uint4 *>(from);
}
inline void copy_16(void *shared, const void *from, bool there) {
  if ((reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(shared)) % 16) __builtin_trap();
  emulation::copy_later(shared, from, there);
}
inline void copy_commit() { emulation::commit_copies(); }
template <int Left>
void copy_wait() {
  emulation::finish_copies(Left);
}

inline float from_bf16(uint16_t bits) { return kernels::bf16_to_f32(bits); }
inline float from_f16(uint16_t bits) { return kernels::f16_to_f32(bits); }
inline uint16_t to_bf16(float x) { return kernels::f32_to_bf16(x); }
inline uint16_t to_f16(float x) { return kernels::f32_to_f16(x); }

/// The one place that knows the fragments of mma.m16n8k16 (device.cuh).
inline void multiply_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                          Place place = Place::current()) {
  const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
  const unsigned char *all = emulation::meet(emulation::Meet::product, mine, sizeof mine, place);
  const auto number = [&](int lane, int word, int high) {
    uint32_t bits;
    std::memcpy(&bits, all + emulation::kSlot * lane + 4 * word, 4);
    return from_bf16(static_cast<uint16_t>(high ? bits >> 16 : bits));
  };
  const int r = static_cast<int>(threadIdx.x % 32) / 4, q = static_cast<int>(threadIdx.x % 32) % 4;
  for (int i = 0; i < 4; ++i) {
    const int lower = i / 2, column = 2 * q + i % 2;
    for (int k = 0; k < 16; ++k) {
      const int owner = k % 8 / 2, upper = k / 8;
      c[i] += number(r * 4 + owner, lower + 2 * upper, k % 2) * number(column * 4 + owner, 4 + upper, k % 2);
    }
  }
}

template <class Call>
void launch(void (*kernel)(Call), dim3 grid, int threads, int shared_bytes, void *stream, const Call &call) {
  const auto work = [=] { emulation::run([&] { kernel(call); }, grid, threads, shared_bytes); };
  if (!stream) return work();
  auto &to = *static_cast<emulation::Stream *>(stream);
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)  // clang has none: it does not check
  Call argument = call;
  __builtin_clear_padding(&argument);
  emulation::check_addresses(to, &argument, sizeof argument);
#endif
#endif
  to.give(work);
}

}  // namespace kvern::device
