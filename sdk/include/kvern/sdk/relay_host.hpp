// A host between the real one and an inner cache, for decorators that have a say in the inner cache's memory.
#pragma once
#include <kvern/sdk/host.hpp>

KVERN_SDK_BEGIN

/// Hands every service on to the real host. A decorator overrides those of memory: what an override throws (fail) becomes the
/// inner cache's failed call. It must stay where it is and outlive every cache that was given its table.
class RelayHost {
 public:
  explicit RelayHost(const Host &host) : real_(*host.table()), table_(known_part(real_)) {
    table_.ctx = this;
    if (table_.log)
      table_.log = [](void *ctx, int32_t level, const char *line) {
        real(ctx).log(real(ctx).ctx, level, line);
      };
    table_.alloc = [](void *ctx, const DLTensor *prototype, int32_t layer, kvern_buffer **out,
                      kvern_error *error) {
      return guarded(error, [&] { *out = self(ctx).alloc(*prototype, layer); });
    };
    table_.release = [](void *ctx, kvern_buffer *buffer) {
      if (buffer) self(ctx).release(buffer);
    };
    table_.map = [](void *ctx, kvern_buffer *buffer, const kvern_span *reads, const kvern_span *writes,
                    void **out, kvern_error *error) {
      return guarded(error, [&] { *out = self(ctx).map(buffer, reads, writes); });
    };
    if (table_.get_extension)
      table_.get_extension = [](void *ctx, const char *id) {
        return real(ctx).get_extension(real(ctx).ctx, id);
      };
  }
  RelayHost(const RelayHost &) = delete;
  virtual ~RelayHost() = default;

  /// What the inner cache is created with.
  const kvern_host *table() const { return &table_; }

 protected:
  /// prototype: shape, type and device of what is wanted; layer: the one layer that it serves, or -1.
  virtual kvern_buffer *alloc(const DLTensor &prototype, int layer) {
    kvern_buffer *made = nullptr;
    kvern_error error = empty_error();
    require(real_.alloc(real_.ctx, &prototype, layer, &made, &error), error);
    return made;
  }
  virtual void release(kvern_buffer *buffer) noexcept { real_.release(real_.ctx, buffer); }
  /// reads, writes: the slices that are about to be read and changed; reads NULL: all of it; writes NULL: nothing.
  virtual void *map(kvern_buffer *buffer, const kvern_span *reads, const kvern_span *writes) {
    void *address = nullptr;
    kvern_error error = empty_error();
    require(real_.map(real_.ctx, buffer, reads, writes, &address, &error), error);
    return address;
  }

 private:
  static RelayHost &self(void *ctx) { return *static_cast<RelayHost *>(ctx); }
  static const kvern_host &real(void *ctx) { return self(ctx).real_; }

  const kvern_host &real_;
  kvern_host table_;
};

KVERN_SDK_END
