// The table's functions: nothing is thrown into a plugin.
#include "devices/cuda/device_table.hpp"

#include <cstdio>
#include <new>

namespace kvern::device {
namespace {

/// The table, its device that of the calling thread.
const DeviceTable &self(void *ctx) {
  const auto &table = *static_cast<const DeviceTable *>(ctx);
  table.driver().use();
  return table;
}

kvern_status refuse(kvern_error *error, kvern_status status, const char *message) {
  error->code = status;
  std::snprintf(error->message, sizeof error->message, "kvern.device/1: %s", message);
  return status;
}

template <class F>
kvern_status guarded(kvern_error *error, F &&f) {
  try {
    f();
    return KVERN_OK;
  } catch (const std::invalid_argument &e) {
    return refuse(error, KVERN_INVALID_ARGUMENT, e.what());
  } catch (const std::bad_alloc &) {
    return refuse(error, KVERN_OUT_OF_MEMORY, "the device has no memory left");
  } catch (const std::exception &e) {
    return refuse(error, KVERN_DEVICE_ERROR, e.what());
  }
}

kvern_status copy(void *ctx, const DLTensor *from, DLTensor *to, void *stream, kvern_error *error) {
  return guarded(error, [&] { self(ctx).moves().copy(*from, *to, stream); });
}
kvern_status zero(void *ctx, DLTensor *to, void *stream, kvern_error *error) {
  return guarded(error, [&] { self(ctx).moves().zero(*to, stream); });
}
kvern_status take(void *ctx, const DLTensor *from, int32_t axis, const int64_t *index, int64_t n,
                  DLTensor *to, void *stream, kvern_error *error) {
  return guarded(error, [&] { self(ctx).moves().take(*from, axis, index, n, *to, stream); });
}
kvern_status move(void *ctx, DLTensor *tensor, int32_t axis, int64_t begin, int64_t end, int64_t to,
                  void *stream, kvern_error *error) {
  return guarded(error, [&] { self(ctx).moves().move(*tensor, axis, begin, end, to, stream); });
}
kvern_status side_stream(void *ctx, int32_t which, void **stream, kvern_error *error) {
  if (which != KVERN_STREAM_TO_DEVICE && which != KVERN_STREAM_FROM_DEVICE)
    return refuse(error, KVERN_INVALID_ARGUMENT, "there is no such stream");
  *stream = self(ctx).transfer_stream(which);
  return KVERN_OK;
}
kvern_status make_event(void *ctx, kvern_event **out, kvern_error *error) {
  return guarded(error, [&] { *out = static_cast<kvern_event *>(self(ctx).driver().make_event()); });
}
void free_event(void *ctx, kvern_event *event) { self(ctx).driver().free_event(event); }
kvern_status record(void *ctx, kvern_event *event, void *stream, kvern_error *error) {
  return guarded(error, [&] { self(ctx).driver().record(event, stream); });
}
kvern_status wait(void *ctx, void *stream, kvern_event *event, kvern_error *error) {
  return guarded(error, [&] { self(ctx).driver().wait(stream, event); });
}
kvern_status finish(void *ctx, void *stream, kvern_error *error) {
  return guarded(error, [&] { self(ctx).driver().finish(stream); });
}

}  // namespace

DeviceTable::DeviceTable(Driver &driver)
    : driver_(driver), moves_(driver), side_streams_{driver.make_stream(), driver.make_stream()} {
  table_ = {sizeof table_, 0,           this,        &copy,   &zero, &take,  &move,
            &side_stream,  &make_event, &free_event, &record, &wait, &finish};
}

}  // namespace kvern::device
