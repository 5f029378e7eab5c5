// Proves that a decorator can move any cache's memory: the inner cache's buffers are in place only while their layer is at work.
// It moves whole buffers; which slices must move is what the map call says.
#include <kvern/sdk/decorator.hpp>
#include <kvern/sdk/plugin.hpp>

#include <set>

namespace {
using namespace kvern::sdk;

struct Moving : kvern_buffer {
  kvern_buffer *home = nullptr;
  int64_t bytes = 0, size = 1;  // size: of the first axis
  int layer = -1;
  bool changed = false;
  std::vector<char> near;
};

class Arena : public RelayHost {
 public:
  using RelayHost::RelayHost;

  /// Another layer's turn: the memory of the others goes home, and where it was there is poison.
  void enter(int layer) {
    for (Moving *buffer : all_) {
      if (buffer->near.empty() || buffer->layer == layer) continue;
      if (buffer->changed) std::memcpy(far(*buffer), buffer->near.data(), buffer->near.size());
      std::fill(buffer->near.begin(), buffer->near.end(), static_cast<char>(0xFF));
      buffer->near = {};
      buffer->changed = false;
    }
  }

 private:
  kvern_buffer *alloc(const DLTensor &shape, int layer) override {
    auto made = std::make_unique<Moving>();
    made->bytes = element_bytes(shape.dtype), made->layer = layer, made->size = shape.shape[0];
    for (int i = 0; i < shape.ndim; ++i) made->bytes *= shape.shape[i];
    made->home = RelayHost::alloc(shape, layer);
    all_.insert(made.get());
    return made.release();
  }
  void release(kvern_buffer *buffer) noexcept override {
    const std::unique_ptr<Moving> gone(static_cast<Moving *>(buffer));
    all_.erase(gone.get());
    RelayHost::release(gone->home);
  }
  void *map(kvern_buffer *buffer, const kvern_span *, const kvern_span *writes) override {
    auto &wanted = *static_cast<Moving *>(buffer);
    if (wanted.layer < 0) return RelayHost::map(wanted.home, nullptr, writes);
    enter(wanted.layer);
    if (wanted.near.empty()) wanted.near.assign(far(wanted), far(wanted) + wanted.bytes);
    wanted.changed |= writes != nullptr;
    return wanted.near.data();
  }
  char *far(const Moving &buffer) {
    const kvern_span all{0, 0, 0, buffer.size};
    return static_cast<char *>(RelayHost::map(buffer.home, nullptr, &all));
  }

  std::set<Moving *> all_;
};

class TinyOffload : public Decorator<TinyOffload, Arena> {
 public:
  static constexpr const char *name = "tiny_offload", *version = "0",
                              *summary = "keeps another cache's memory elsewhere";
  using Decorator::Decorator;

  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    host().enter(layer), Decorator::update(layer, k, v, out_k, out_v);
  }
  void attend(const kvern_attend &request) { host().enter(request.layer), Decorator::attend(request); }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) {
    host().enter(layer), Decorator::state(layer, slot, read, write);
  }
  std::unique_ptr<TinyOffload> clone() const { return std::unique_ptr<TinyOffload>(new TinyOffload(*this)); }
};
}  // namespace
KVERN_PLUGIN(TinyOffload)
