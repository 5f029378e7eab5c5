// Which layers of one cache are on the device: the one at work, and the next one, which is on its way meanwhile.
#pragma once
#include <kvern/sdk/offload/offloaded_buffer.hpp>

KVERN_SDK_BEGIN

/// Of one cache; clones have their own. Three streams meet at events: transfers to the device wait until a block is idle, the
/// stream of the step waits until a layer has arrived, transfers from the device wait until it was used. What is sent back is what
/// was written.
class OffloadArena {
 public:
  OffloadArena(const Host &host, BlockPool::Source &source)
      : device_(host.device()),
        mover_(host),
        to_device_(mover_.side_stream(KVERN_STREAM_TO_DEVICE)),
        from_device_(mover_.side_stream(KVERN_STREAM_FROM_DEVICE)),
        allocated_(mover_.make_event()),
        source_(&source),
        pool_(source) {}
  OffloadArena(const OffloadArena &) = delete;
  ~OffloadArena() {
    pool_.clear();
    for (auto &[number, layer] : layers_) free_events(layer);
    mover_.free_event(allocated_);
  }

  /// Whether its memory comes from there.
  bool is_of(const BlockPool::Source &source) const { return source_ == &source; }

  /// A new buffer, its home made: reserves memory on the device. No effect if it throws.
  void add(OffloadedBuffer &buffer) {
    Layer &layer = layer_of(buffer.layer);
    layer.buffers.push_back(&buffer);
    try {
      pool_.reserve(buffer.bytes, max_count(buffer.bytes), count_all(buffer.bytes));
    } catch (...) {
      layer.buffers.pop_back();
      throw;
    }
  }

  /// The buffer's home can be given back after this, in the order of the current stream.
  void remove(OffloadedBuffer &buffer) noexcept {
    Layer &layer = layers_.at(buffer.layer);
    order_behind_transfers(layer);
    if (buffer.block) {
      record(layer.released, StreamScope::current());
      buffer.block->idle = layer.released;
      pool_.put_back(buffer.bytes, *buffer.block);
    }
    std::erase(layer.buffers, &buffer);
    pool_.trim(buffer.bytes, max_count(buffer.bytes), count_all(buffer.bytes));
  }

  /// The address for work given to the current stream.
  void *map(OffloadedBuffer &buffer, const kvern_span *writes) {
    enter(buffer.layer);
    if (writes) buffer.note_write(*writes);
    return buffer.block->address;
  }

  /// This layer is at work from now on: the one before goes back, the next one is fetched.
  void enter(int number) {
    const bool changes = active_ != number;
    if (changes) leave();
    const int next = next_layer(number);
    for (auto &[other, layer] : layers_) {
      if (changes && other != number && other != next) evict(layer);
    }
    active_ = number;
    fetch(number);
    Layer &layer = layers_.at(number);
    if (layer.arriving) {
      mover_.wait(StreamScope::current(), layer.arrived);
      layer.arriving = false;
    }
    if (changes && next != number) fetch(next);
  }

  /// The layer at work is done: what was written to it goes back.
  void leave() {
    const auto found = layers_.find(active_);
    active_ = -1;
    if (found == layers_.end()) return;
    Layer &layer = found->second;
    mover_.record(layer.used, StreamScope::current());
    mover_.wait(from_device_, layer.used);
    for (OffloadedBuffer *buffer : layer.buffers) send_back(*buffer);
    mover_.record(layer.returned, from_device_);
    layer.was_used = true;
  }

  /// Nothing that was written matters any more.
  void forget() {
    leave();
    for (auto &[number, layer] : layers_) {
      for (OffloadedBuffer *buffer : layer.buffers) buffer->filled.reset();
    }
  }

  /// Pinned host memory of one layer, or with -1 of all.
  int64_t host_bytes(int only) const {
    int64_t all = 0;
    for (const auto &[number, layer] : layers_) {
      for (const OffloadedBuffer *buffer : layer.buffers)
        all += only < 0 || only == number ? buffer->bytes : 0;
    }
    return all;
  }
  int64_t device_bytes() const { return pool_.bytes(); }

 private:
  struct Layer {
    std::vector<OffloadedBuffer *> buffers;
    kvern_event *arrived = nullptr, *used = nullptr, *returned = nullptr, *released = nullptr;
    bool arriving = false;  // fetched, and no stream has waited for that yet
    bool was_used = false;  // since it was fetched
  };

  Layer &layer_of(int number) {
    Layer &layer = layers_[number];
    for (kvern_event **event : {&layer.arrived, &layer.used, &layer.returned, &layer.released}) {
      if (!*event) *event = mover_.make_event();
    }
    return layer;
  }
  void free_events(Layer &layer) noexcept {
    for (kvern_event *event : {layer.arrived, layer.used, layer.returned, layer.released}) {
      if (event) mover_.free_event(event);
    }
  }

  static int64_t count(const Layer &layer, int64_t bytes) {
    return std::count_if(layer.buffers.begin(), layer.buffers.end(),
                         [bytes](const OffloadedBuffer *buffer) { return buffer->bytes == bytes; });
  }
  int64_t max_count(int64_t bytes) const {
    int64_t most = 0;
    for (const auto &[number, layer] : layers_) most = std::max(most, count(layer, bytes));
    return most;
  }
  int64_t count_all(int64_t bytes) const {
    int64_t all = 0;
    for (const auto &[number, layer] : layers_) all += count(layer, bytes);
    return all;
  }

  /// The layer behind this one in the order of a step, around the end; itself where there is no other.
  int next_layer(int number) const {
    const auto holds = [](const auto &entry) { return !entry.second.buffers.empty(); };
    auto next = std::find_if(layers_.upper_bound(number), layers_.end(), holds);
    if (next == layers_.end()) next = std::find_if(layers_.begin(), layers_.end(), holds);
    return next == layers_.end() ? number : next->first;
  }

  /// Brings what of a layer is not on the device.
  void fetch(int number) {
    Layer &layer = layers_.at(number);
    bool any = false;
    for (OffloadedBuffer *buffer : layer.buffers) {
      if (buffer->block) continue;
      if (!any) mover_.wait(to_device_, layer.returned);
      any = true;
      buffer->block = pool_.take(buffer->bytes);
      if (!buffer->block->idle) {  // new memory is there in the order of the current stream
        mover_.record(allocated_, StreamScope::current());
        buffer->block->idle = allocated_;
      }
      mover_.wait(to_device_, buffer->block->idle);
      if (!buffer->filled) continue;
      const Placed from = buffer->at(buffer->home_address, buffer->home->tensor.device, *buffer->filled);
      mover_.copy(from.tensor(), buffer->at(buffer->block->address, device_, *buffer->filled).out(),
                  to_device_);
    }
    if (!any) return;
    mover_.record(layer.arrived, to_device_);
    layer.arriving = true;
    layer.was_used = false;
  }

  void send_back(OffloadedBuffer &buffer) {
    for (const kvern_span &span : buffer.changed) {
      const Placed from = buffer.at(buffer.block->address, device_, span);
      mover_.copy(from.tensor(), buffer.at(buffer.home_address, buffer.home->tensor.device, span).out(),
                  from_device_);
    }
    buffer.changed.clear();
  }

  /// Of a layer that is not at work.
  void evict(Layer &layer) {
    for (OffloadedBuffer *buffer : layer.buffers) {
      if (!buffer->block) continue;
      buffer->block->idle = layer.was_used ? layer.returned : layer.arrived;
      pool_.put_back(buffer->bytes, *buffer->block);
      buffer->block.reset();
    }
    layer.arriving = false;
  }

  void order_behind_transfers(Layer &layer) noexcept {
    wait(StreamScope::current(), layer.arrived);
    wait(StreamScope::current(), layer.returned);
  }

  // Where memory is freed nothing can be reported.
  void wait(void *stream, kvern_event *event) noexcept {
    try {
      if (event) mover_.wait(stream, event);
    } catch (...) {
    }
  }
  void record(kvern_event *event, void *stream) noexcept {
    try {
      mover_.record(event, stream);
    } catch (...) {
    }
  }

  DLDevice device_;
  Mover mover_;
  void *to_device_, *from_device_;
  kvern_event *allocated_;
  const BlockPool::Source *source_;
  BlockPool pool_;
  std::map<int, Layer> layers_;
  int active_ = -1;
};

KVERN_SDK_END
