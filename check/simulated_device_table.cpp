// The functions of kvern.device/1 on a simulated device.
#include <algorithm>
#include <cstring>

#include "check/simulated_stream.hpp"

namespace kvern::conformance {

void SimulatedDevice::fill_table() {
  table_.struct_size = sizeof table_;
  table_.ctx = this;
  table_.copy = [](void *ctx, const DLTensor *from, DLTensor *to, void *stream, kvern_error *error) {
    return self(ctx).copy(*from, *to, stream, error);
  };
  table_.zero = [](void *ctx, DLTensor *to, void *stream, kvern_error *) -> kvern_status {
    const Strided target(*to);
    self(ctx).launch(stream, "zero", {target}, [target] {
      target.visit([](std::byte *at, std::size_t size) { std::memset(at, 0, size); });
    });
    return KVERN_OK;
  };
  table_.take = [](void *ctx, const DLTensor *from, int32_t axis, const int64_t *index, int64_t n,
                   DLTensor *to, void *stream,
                   kvern_error *error) { return self(ctx).take(*from, axis, index, n, *to, stream, error); };
  table_.move = [](void *ctx, DLTensor *tensor, int32_t axis, int64_t begin, int64_t end, int64_t to,
                   void *stream, kvern_error *error) {
    return self(ctx).move(*tensor, axis, begin, end, to, stream, error);
  };
  table_.side_stream = [](void *ctx, int32_t which, void **stream, kvern_error *error) -> kvern_status {
    if (which < to_device || which > from_device) return self(ctx).refuse(error, "no such stream");
    *stream = self(ctx).stream(static_cast<StreamName>(which));
    return KVERN_OK;
  };
  table_.make_event = [](void *ctx, kvern_event **out, kvern_error *) -> kvern_status {
    self(ctx).events_.push_back(std::make_shared<Event>());
    *out = reinterpret_cast<kvern_event *>(self(ctx).events_.back().get());
    return KVERN_OK;
  };
  table_.free_event = [](void *, kvern_event *) {};  // with the device: work may still name it
  table_.record = [](void *ctx, kvern_event *event, void *stream, kvern_error *) {
    return self(ctx).record(event, stream);
  };
  table_.wait = [](void *ctx, void *stream, kvern_event *event, kvern_error *) {
    return self(ctx).wait(stream, event);
  };
  table_.finish = [](void *ctx, void *stream, kvern_error *) -> kvern_status {
    self(ctx).finish(stream);
    return KVERN_OK;
  };
}

kvern_status SimulatedDevice::refuse(kvern_error *error, const std::string &message) {
  violations_.push_back("kvern.device/1: " + message);
  std::strncpy(error->message, message.c_str(), sizeof error->message - 1);
  return error->code = KVERN_INVALID_ARGUMENT;
}

/// Counted when it is given: what is pushed is done some time.
void SimulatedDevice::count(const Strided &from, const Strided &to) {
  const bool here = memory_.place(from.data) == kDLCUDA, there = memory_.place(to.data) == kDLCUDA;
  int64_t &counter = here == there ? traffic_.within : there ? traffic_.to_device : traffic_.from_device;
  counter += from.elements() * from.element();
}

kvern_status SimulatedDevice::copy(const DLTensor &from, const DLTensor &to, void *stream,
                                   kvern_error *error) {
  const Strided source(from), target(to);
  if (source.shape != target.shape) return refuse(error, "copy: the shapes differ");
  if (!convertible(source.type, target.type)) return refuse(error, "copy: types that are not converted");
  for (const auto &[tensor, view] : {std::pair{&from, &source}, std::pair{&to, &target}}) {
    if (!view->empty() && memory_.place(view->data) != tensor->device.device_type)
      return refuse(error, "copy: a tensor is not where its device says");
  }
  count(source, target);
  const auto put = [source, target](const std::vector<std::byte> &elements) {
    target.write(converted(elements, source.type, target.type).data());
  };
  if (memory_.place(source.data) == kDLCPU) {  // read now
    launch(stream, "copy", {target}, [put, elements = source.read()] { put(elements); });
  } else {
    launch(stream, "copy", {source, target}, [put, source] { put(source.read()); });
  }
  if (memory_.place(target.data) == kDLCPU) finish(stream);
  return KVERN_OK;
}

kvern_status SimulatedDevice::take(const DLTensor &from, int32_t axis, const int64_t *index, int64_t n,
                                   const DLTensor &to, void *stream, kvern_error *error) {
  const Strided source(from), target(to);
  std::vector<int64_t> wanted = source.shape, rows(index, index + n);
  if (axis < 0 || axis >= from.ndim) return refuse(error, "take: no such axis");
  wanted[axis] = n;
  if (wanted != target.shape) return refuse(error, "take: the shapes differ");
  for (const int64_t row : rows)
    if (row < 0 || row >= source.shape[axis]) return refuse(error, "take: an index outside of the tensor");
  launch(stream, "take", {source, target}, [source, target, axis, rows] {
    std::vector<std::vector<std::byte>> read;
    for (const int64_t row : rows) read.push_back(source.slice(axis, row, row + 1).read());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      target.slice(axis, at, at + 1).write(read[i].data());
    }
  });
  return KVERN_OK;
}

kvern_status SimulatedDevice::move(const DLTensor &tensor, int32_t axis, int64_t begin, int64_t end,
                                   int64_t to, void *stream, kvern_error *error) {
  const Strided whole(tensor);
  if (axis < 0 || axis >= tensor.ndim) return refuse(error, "move: no such axis");
  const int64_t size = whole.shape[axis];
  if (begin < 0 || begin > end || end > size || to < 0 || to + end - begin > size)
    return refuse(error, "move: a slice outside of the tensor");
  const Strided source = whole.slice(axis, begin, end), target = whole.slice(axis, to, to + end - begin);
  launch(stream, "move", {source, target}, [source, target] { target.write(source.read().data()); });
  return KVERN_OK;
}

}  // namespace kvern::conformance
