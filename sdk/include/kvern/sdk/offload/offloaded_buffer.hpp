// A buffer whose memory is pinned host memory, and on the device only while its layer is resident.
#pragma once
#include <array>
#include <kvern/sdk/offload/block_pool.hpp>
#include <memory>
#include <optional>

KVERN_SDK_BEGIN

class OffloadArena;

/// What an inner cache's kvern_buffer is the beginning of.
struct OffloadedBuffer : kvern_buffer {
  std::shared_ptr<OffloadArena> arena;  ///< NULL: passed on to the real host as it is
  kvern_buffer *home = nullptr;         ///< pinned; or the real host's buffer
  void *home_address = nullptr;
  int layer = -1;
  int64_t bytes = 0;
  std::array<int64_t, 6> shape{};
  std::optional<DeviceBlock> block;  ///< where the layer is resident
  std::optional<kvern_span> filled;  ///< the slice that was ever written; the rest need not be brought
  std::vector<kvern_span> changed;   ///< on the device and not at home

  kvern_span all() const { return {0, 0, 0, shape[0]}; }

  /// A slice of this buffer's elements at some address.
  Placed at(void *address, DLDevice device, const kvern_span &span) const {
    std::array<int64_t, 6> sizes = shape, strides{};
    const auto axes = static_cast<std::size_t>(tensor.ndim);
    int64_t stride = 1;
    for (std::size_t axis = axes; axis-- > 0;) {
      strides[axis] = stride;
      stride *= shape[axis];
    }
    sizes[static_cast<std::size_t>(span.axis)] = span.end - span.begin;
    const int64_t skipped =
        span.begin * strides[static_cast<std::size_t>(span.axis)] * element_bytes(tensor.dtype);
    return Placed(static_cast<std::byte *>(address) + skipped, device, tensor.dtype,
                  std::span(sizes.data(), axes), std::span(strides.data(), axes));
  }

  void note_write(const kvern_span &span) {
    if (span.begin == span.end) return;
    if (!filled)
      filled = span;
    else
      filled = join(*filled, span);
    if (!changed.empty() && touches(changed.back(), span))
      changed.back() = join(changed.back(), span);
    else
      changed.push_back(span);
  }

 private:
  static bool touches(const kvern_span &a, const kvern_span &b) {
    return a.axis == b.axis && a.begin <= b.end && b.begin <= a.end;
  }
  /// A slice that covers both.
  kvern_span join(const kvern_span &a, const kvern_span &b) const {
    if (a.axis != b.axis) return all();
    return {a.axis, 0, std::min(a.begin, b.begin), std::max(a.end, b.end)};
  }
};

KVERN_SDK_END
