// Memory that outlives a call: owned here, made and moved by the host.
#pragma once
#include <array>
#include <initializer_list>
#include <kvern/sdk/host.hpp>
#include <kvern/sdk/tensor.hpp>
#include <utility>

KVERN_SDK_BEGIN

/// The slice [begin, end) of one axis of a buffer.
struct Span {
  int axis;
  int64_t begin, end;
};

/// A contiguous buffer of the host's. Move-only. Addresses are good until the current call returns or a
/// buffer of another layer is asked for its address, whichever comes first: ask again in every call. [loop]
class Buffer {
 public:
  static constexpr int kMaxAxes = 6;

  Buffer() = default;

  /// layer: the one layer that the memory serves; -1: all. Throws the host's failure (OUT_OF_MEMORY);
  /// contents undefined.
  Buffer(const Host &host, int layer, DLDataType type, std::initializer_list<int64_t> shape)
      : host_(host.table()), type_(type), axes_(static_cast<int>(shape.size())) {
    if (axes_ > kMaxAxes) fail(KVERN_INTERNAL, "a buffer of ", axes_, " axes");
    std::copy(shape.begin(), shape.end(), shape_.begin());
    bytes();
    const DLTensor prototype{nullptr, host.device(), axes_, type_, shape_.data(), nullptr, 0};
    kvern_error error = empty_error();
    require(host_->alloc(host_->ctx, &prototype, layer, &buffer_, &error), error);
  }

  Buffer(Buffer &&other) noexcept { swap(other); }
  Buffer &operator=(Buffer &&other) noexcept {
    Buffer taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Buffer() {
    if (buffer_) host_->release(host_->ctx, buffer_);
  }

  explicit operator bool() const { return buffer_ != nullptr; }
  int64_t size(int axis) const { return shape_[axis]; }
  DLDataType type() const { return type_; }

  /// Bytes of the whole buffer, 0 if there is none. Throws OUT_OF_MEMORY for a shape that no memory could
  /// hold.
  int64_t bytes() const {
    if (axes_ == 0) return 0;
    int64_t count = int64_t{type_.bits} * type_.lanes;
    for (int i = 0; i < axes_; ++i) count = product(count, shape_[i]);
    return (count - 1) / 8 + (count > 0);
  }

  /// Brings what the host will look at when it is asked for the address nearer to the processor: for a caller that is about to ask
  /// for many, whose bookkeeping the keys of the last layer have displaced.
  void prefetch_host() const {
    __builtin_prefetch(buffer_);
    __builtin_prefetch(reinterpret_cast<const std::byte *>(buffer_) + 64);
  }

  /// To read all of it, or one slice of it.
  const std::byte *read() const { return map(nullptr, nullptr); }
  const std::byte *read(Span reads) const { return map(&reads, nullptr); }
  /// To read all of it and change a slice of it.
  std::byte *write(Span writes) const { return map(nullptr, &writes); }
  /// To overwrite a slice of it: what was there does not matter.
  std::byte *fill(Span writes) const {
    const Span nothing{0, 0, 0};
    return map(&nothing, &writes);
  }
  /// To read one slice and change another.
  std::byte *map(Span reads, Span writes) const { return map(&reads, &writes); }

 private:
  void swap(Buffer &other) noexcept {
    std::swap(host_, other.host_);
    std::swap(buffer_, other.buffer_);
    std::swap(type_, other.type_);
    std::swap(axes_, other.axes_);
    std::swap(shape_, other.shape_);
  }

  std::byte *map(const Span *reads, const Span *writes) const {
    const kvern_span none{0, 0, 0, 0};
    const kvern_span read = reads ? kvern_span{reads->axis, 0, reads->begin, reads->end} : none;
    const kvern_span write = writes ? kvern_span{writes->axis, 0, writes->begin, writes->end} : none;
    void *address = nullptr;
    kvern_error error = empty_error();
    require(
        host_->map(host_->ctx, buffer_, reads ? &read : nullptr, writes ? &write : nullptr, &address, &error),
        error);
    return static_cast<std::byte *>(address);
  }

  const kvern_host *host_ = nullptr;
  kvern_buffer *buffer_ = nullptr;
  DLDataType type_{};
  int axes_ = 0;
  std::array<int64_t, kMaxAxes> shape_{};
};

/// A buffer that lives within a step: copies of a cache are made between steps, and a copy of this is empty.
class Scratch : public Buffer {
 public:
  using Buffer::Buffer;
  Scratch(const Scratch &) : Buffer() {}
  Scratch(Scratch &&) noexcept = default;
  Scratch &operator=(Scratch &&) noexcept = default;
};

KVERN_SDK_END
