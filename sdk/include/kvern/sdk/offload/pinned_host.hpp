// A host whose buffers live in pinned host memory. On a CPU it passes everything on.
#pragma once
#include <kvern/sdk/offload/arena.hpp>
#include <kvern/sdk/relay_host.hpp>

KVERN_SDK_BEGIN

/// The pinned host memory that belongs to a device; UNSUPPORTED where none is known.
inline DLDevice pinned_memory_of(DLDevice device) {
  if (device.device_type == kDLCUDA) return {kDLCUDAHost, 0};
  if (device.device_type == kDLROCM) return {kDLROCMHost, 0};
  fail(KVERN_UNSUPPORTED, "no pinned host memory is known for device type ", int{device.device_type},
       ": keys can be offloaded from CUDA and ROCm devices");
}

/// Every cache that gets its memory here has an arena of its own: ArenaScope says whose call it is.
class PinnedHost : public RelayHost, public BlockPool::Source {
 public:
  explicit PinnedHost(const Host &host) : RelayHost(host), host_(host), mover_(host) {
    if (moves()) pinned_ = pinned_memory_of(host.device());
  }

  /// False on a CPU: nothing moves and there are no arenas.
  bool moves() const { return mover_.on_device(); }
  std::shared_ptr<OffloadArena> make_arena() {
    return moves() ? std::make_shared<OffloadArena>(host_, *this) : nullptr;
  }
  /// The arena of the cache that this host was made for, after it has been created.
  std::shared_ptr<OffloadArena> take_first() {
    if (moves()) first();
    return std::exchange(first_, nullptr);
  }

  /// The arena of the call that runs on this thread.
  class ArenaScope {
   public:
    explicit ArenaScope(const std::shared_ptr<OffloadArena> &arena)
        : before_(std::exchange(slot(), &arena)) {}
    ~ArenaScope() { slot() = before_; }
    ArenaScope(const ArenaScope &) = delete;
    /// NULL outside of a call.
    static const std::shared_ptr<OffloadArena> *current() { return slot(); }

   private:
    static const std::shared_ptr<OffloadArena> *&slot() {
      thread_local const std::shared_ptr<OffloadArena> *arena = nullptr;
      return arena;
    }
    const std::shared_ptr<OffloadArena> *before_;
  };

 private:
  kvern_buffer *alloc(const DLTensor &prototype, int layer) override {
    if (!moves()) return RelayHost::alloc(prototype, layer);
    auto made = std::make_unique<OffloadedBuffer>();
    const bool moved = layer >= 0 && prototype.device.device_type == host_.device().device_type;
    DLTensor home = prototype;
    if (moved) home.device = pinned_;
    made->home = RelayHost::alloc(home, layer);
    made->tensor = made->home->tensor;
    made->tensor.device = prototype.device;
    made->tensor.data = nullptr;
    if (!moved) return made.release();
    try {
      move_home(*made, prototype, layer);
    } catch (...) {
      RelayHost::release(made->home);
      throw;
    }
    return made.release();
  }

  const std::shared_ptr<OffloadArena> &first() {
    if (!first_) first_ = make_arena();
    return first_;
  }

  void move_home(OffloadedBuffer &buffer, const DLTensor &prototype, int layer) {
    if (prototype.ndim < 1 || prototype.ndim > static_cast<int>(buffer.shape.size()))
      fail(KVERN_UNSUPPORTED, "a buffer of ", prototype.ndim, " axes cannot be offloaded");
    buffer.layer = layer;
    buffer.bytes = element_bytes(prototype.dtype);
    for (int axis = 0; axis < prototype.ndim; ++axis) {
      buffer.shape[static_cast<std::size_t>(axis)] = prototype.shape[axis];
      buffer.bytes *= prototype.shape[axis];
    }
    buffer.home_address = RelayHost::map(buffer.home, nullptr, nullptr);
    const std::shared_ptr<OffloadArena> *arena = ArenaScope::current();
    const bool mine = arena && *arena && (*arena)->is_of(*this);
    buffer.arena = mine ? *arena : first();
    buffer.arena->add(buffer);
  }

  void release(kvern_buffer *buffer) noexcept override {
    if (!moves()) return RelayHost::release(buffer);
    const std::unique_ptr<OffloadedBuffer> gone(static_cast<OffloadedBuffer *>(buffer));
    if (gone->arena) gone->arena->remove(*gone);
    RelayHost::release(gone->home);
  }

  void *map(kvern_buffer *buffer, const kvern_span *reads, const kvern_span *writes) override {
    if (!moves()) return RelayHost::map(buffer, reads, writes);
    auto &wanted = *static_cast<OffloadedBuffer *>(buffer);
    if (!wanted.arena) return RelayHost::map(wanted.home, reads, writes);
    return wanted.arena->map(wanted, writes);
  }

  DeviceBlock make_block(int64_t bytes) override {
    DLTensor prototype{nullptr, host_.device(), 1, {kDLUInt, 8, 1}, &bytes, nullptr, 0};
    DeviceBlock block;
    block.buffer = RelayHost::alloc(prototype, -1);
    try {
      const kvern_span all{0, 0, 0, bytes};
      block.address = RelayHost::map(block.buffer, nullptr, &all);
    } catch (...) {
      RelayHost::release(block.buffer);
      throw;
    }
    return block;
  }
  void free_block(const DeviceBlock &block) noexcept override {
    try {
      if (block.idle) mover_.wait(StreamScope::current(), block.idle);
    } catch (...) {  // nothing can be reported where memory is freed
    }
    RelayHost::release(block.buffer);
  }

  Host host_;
  Mover mover_;
  DLDevice pinned_{};
  std::shared_ptr<OffloadArena> first_;
};

KVERN_SDK_END
