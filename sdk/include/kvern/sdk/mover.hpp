// Moving memory on the device that a cache lives on, through kvern.device/1. On a CPU caches use memcpy and memmove themselves.
#pragma once
#include <kvern/abi/device.h>

#include <array>
#include <initializer_list>
#include <kvern/sdk/host.hpp>
#include <kvern/sdk/stream_scope.hpp>
#include <kvern/sdk/tensor.hpp>
#include <span>

KVERN_SDK_BEGIN

/// A borrowed tensor of up to six axes that owns shape and strides (in elements): it must stay where it is while it is used.
class Placed {
 public:
  Placed(void *data, DLDevice device, DLDataType type, std::initializer_list<int64_t> shape,
         std::initializer_list<int64_t> strides)
      : Placed(data, device, type, std::span(shape.begin(), shape.size()),
               std::span(strides.begin(), strides.size())) {}
  Placed(void *data, DLDevice device, DLDataType type, std::span<const int64_t> shape,
         std::span<const int64_t> strides) {
    std::copy(shape.begin(), shape.end(), shape_.begin());
    std::copy(strides.begin(), strides.end(), strides_.begin());
    tensor_ = {data, device, static_cast<int32_t>(shape.size()), type, shape_.data(), strides_.data(), 0};
  }
  Placed(const Placed &) = delete;

  const DLTensor &tensor() const { return tensor_; }
  DLTensor *out() { return &tensor_; }

 private:
  std::array<int64_t, 6> shape_{}, strides_{};
  DLTensor tensor_;
};

/// The functions of kvern.device/1 on the current call's stream; they throw what the host reports.
class Mover {
 public:
  Mover() = default;
  /// UNSUPPORTED on a device whose host does not offer kvern.device/1.
  explicit Mover(const Host &host)
      : table_(host.device().device_type == kDLCPU
                   ? nullptr
                   : &host.required_extension<kvern_device_1>(KVERN_DEVICE_1)) {}

  /// False on a CPU: then nothing else may be called.
  bool on_device() const { return table_ != nullptr; }

  void copy(const DLTensor &from, DLTensor *to) const { copy(from, to, StreamScope::current()); }
  void copy(const DLTensor &from, DLTensor *to, void *stream) const {
    call([&](kvern_error *e) { return table_->copy(table_->ctx, &from, to, stream, e); });
  }
  void zero(DLTensor *to) const {
    call([&](kvern_error *e) { return table_->zero(table_->ctx, to, StreamScope::current(), e); });
  }
  /// Row i becomes what row index[i] was.
  void take_rows(const DLTensor &from, std::span<const int64_t> index, DLTensor *to) const {
    call([&](kvern_error *e) {
      return table_->take(table_->ctx, &from, 0, index.data(), static_cast<int64_t>(index.size()), to,
                          StreamScope::current(), e);
    });
  }
  void move(DLTensor *tensor, int axis, int64_t begin, int64_t end, int64_t to) const {
    call([&](kvern_error *e) {
      return table_->move(table_->ctx, tensor, axis, begin, end, to, StreamScope::current(), e);
    });
  }

  void *side_stream(int which) const {
    void *stream = nullptr;
    call([&](kvern_error *e) { return table_->side_stream(table_->ctx, which, &stream, e); });
    return stream;
  }
  kvern_event *make_event() const {
    kvern_event *event = nullptr;
    call([&](kvern_error *e) { return table_->make_event(table_->ctx, &event, e); });
    return event;
  }
  void free_event(kvern_event *event) const { table_->free_event(table_->ctx, event); }
  void record(kvern_event *event, void *stream) const {
    call([&](kvern_error *e) { return table_->record(table_->ctx, event, stream, e); });
  }
  void wait(void *stream, kvern_event *event) const {
    call([&](kvern_error *e) { return table_->wait(table_->ctx, stream, event, e); });
  }

 private:
  template <class Call>
  static void call(Call &&call) {
    kvern_error error = empty_error();
    require(call(&error), error);
  }

  const kvern_device_1 *table_ = nullptr;
};

KVERN_SDK_END
