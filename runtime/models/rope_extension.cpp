// The table's functions: they check what a plugin hands in, and let nothing be thrown into it.
#include "runtime/models/rope_extension.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "kernels/elementwise.hpp"

namespace kvern::models {
namespace {

kvern_status fail(kvern_error *error, kvern_status status, const std::string &message) {
  error->code = status;
  std::snprintf(error->message, sizeof error->message, "%s", message.c_str());
  return status;
}

kvern_status check_layer(const RopeExtension &self, int32_t layer, kvern_error *error) {
  if (layer < 0 || layer >= self.layers()) {
    return fail(error, KVERN_INVALID_ARGUMENT,
                "kvern.rope/1: there is no layer " + std::to_string(layer) + ", only " +
                    std::to_string(self.layers()));
  }
  if (self.rope(layer).depends_on_length()) {
    return fail(error, KVERN_UNSUPPORTED,
                "kvern.rope/1: this model's rotation depends on the length of the sequence");
  }
  return KVERN_OK;
}

bool is_tensor(const DLTensor *t, int64_t dim, DLDeviceType device) {
  if (t == nullptr || t->ndim != 4 || t->dtype.lanes != 1 || t->device.device_type != device) return false;
  const bool f32 = t->dtype.code == kDLFloat && t->dtype.bits == 32;
  const bool half = (t->dtype.code == kDLFloat || t->dtype.code == kDLBfloat) && t->dtype.bits == 16;
  const bool dense = t->strides == nullptr || t->strides[3] == 1;
  return (f32 || half) && dense && t->shape[3] >= dim;
}

kernels::Dtype type_of(const DLTensor &t) {
  if (t.dtype.bits == 32) return kernels::Dtype::f32;
  return t.dtype.code == kDLBfloat ? kernels::Dtype::bf16 : kernels::Dtype::f16;
}

// The address of [row, head, i].
void *row_of(const DLTensor &t, int64_t row, int64_t head, int64_t i) {
  const int64_t dim = t.shape[3], n = t.shape[2];
  const int64_t offset = t.strides ? row * t.strides[0] + head * t.strides[1] + i * t.strides[2]
                                   : ((row * t.shape[1] + head) * n + i) * dim;
  return kernels::element_at(static_cast<void *>(static_cast<char *>(t.data) + t.byte_offset), type_of(t),
                             offset);
}

void copy_row(const void *from, kernels::Dtype from_type, void *to, kernels::Dtype to_type, int64_t dim) {
  kernels::ConvertCall call;
  call.rows = 1;
  call.dim = call.from_stride = call.to_stride = dim;
  call.from = from;
  call.from_type = from_type;
  call.to = to;
  call.to_type = to_type;
  kernels::convert(call, kernels::serial());
}

/// Elements from `first` on of the heads of one token.
void rotate_row(const RopeConfig &config, int64_t first, const float *cos, const float *sin,
                const DLTensor &x, const DLTensor &out, int64_t row, int64_t i, std::vector<float> &buffer) {
  const int64_t heads = x.shape[1], dim = x.shape[3];
  for (int64_t h = 0; h < heads; ++h) {
    copy_row(row_of(x, row, h, i), type_of(x), buffer.data() + h * dim, kernels::Dtype::f32, dim);
  }
  kernels::RotaryCall call;
  call.tokens = 1;
  call.heads = heads;
  call.dim = dim - first;
  call.head_stride = dim;
  call.token_stride = heads * dim;
  call.rotary_dim = config.rotary_dim;
  call.interleaved = config.interleaved;
  call.x = buffer.data() + first;
  call.cos = cos;
  call.sin = sin;
  kernels::rotate(call, kernels::serial());
  for (int64_t h = 0; h < heads; ++h) {
    copy_row(buffer.data() + h * dim, kernels::Dtype::f32, row_of(out, row, h, i), type_of(out), dim);
  }
}

void rotate_tensor(Queue &, const Rope &rope, int64_t first, const DLTensor &x, const int64_t *pos,
                   int64_t row_stride, bool with_factor, const DLTensor &out) {
  const int64_t n = x.shape[2], half = rope.config().rotary_dim / 2;
  std::vector<float> cos(n * half), sin(n * half), buffer(x.shape[1] * x.shape[3]);
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    if (row == 0 || row_stride != 0) {
      rope.tables(pos + row * row_stride, n, 0, with_factor, cos.data(), sin.data());
    }
    for (int64_t i = 0; i < n; ++i) {
      rotate_row(rope.config(), first, cos.data() + i * half, sin.data() + i * half, x, out, row, i, buffer);
    }
  }
}

// In float32, through memory of the device.
void rotate_on_device(Queue &queue, const Rope &rope, int64_t first, const DLTensor &x, const int64_t *pos,
                      int64_t row_stride, bool with_factor, const DLTensor &out) {
  const int64_t rows = x.shape[0], heads = x.shape[1], n = x.shape[2], dim = x.shape[3];
  const int64_t half = rope.config().rotary_dim / 2;
  const auto bytes = [](int64_t elements) { return static_cast<size_t>(elements) * sizeof(float); };
  const DeviceMemory memory = queue.take(bytes(rows * heads * n * dim)),
                     angles = queue.take(bytes(2 * n * half));
  const DLTensor floats{memory.data(), x.device, 4, {kDLFloat, 32, 1}, x.shape, nullptr, 0};
  queue.copy(x, floats);
  std::vector<float> cos_sin(static_cast<size_t>(2 * n * half));
  for (int64_t row = 0; row < rows; ++row) {
    if (row == 0 || row_stride != 0) {
      rope.tables(pos + row * row_stride, n, 0, with_factor, cos_sin.data(), cos_sin.data() + n * half);
      queue.upload(cos_sin.data(), angles.data(), bytes(2 * n * half));
    }
    kernels::RotaryCall call;
    call.tokens = n;
    call.heads = heads;
    call.dim = dim - first;
    call.token_stride = dim;
    call.head_stride = n * dim;
    call.rotary_dim = rope.config().rotary_dim;
    call.interleaved = rope.config().interleaved;
    call.x = memory.floats() + row * heads * n * dim + first;
    call.cos = angles.floats();
    call.sin = angles.floats() + n * half;
    queue.rotate(call);
  }
  queue.copy(floats, out);
}

kvern_status rotate(void *ctx, int32_t layer, const DLTensor *x, const int64_t *pos, int64_t row_stride,
                    int32_t turn_only, void *, DLTensor *out, kvern_error *error) try {
  const auto &self = *static_cast<const RopeExtension *>(ctx);
  const kvern_status status = check_layer(self, layer, error);
  if (status != KVERN_OK) return status;
  const int64_t first = self.first(layer), dim = first + self.rope(layer).config().rotary_dim;
  const DLDeviceType device = self.queue().place().device_type;
  if (pos == nullptr || !is_tensor(x, dim, device) || !is_tensor(out, dim, device) ||
      !std::equal(x->shape, x->shape + 4, out->shape)) {
    return fail(error, KVERN_INVALID_ARGUMENT,
                "kvern.rope/1: rotate needs positions, and x and out [rows, heads, n, dim] of equal shape "
                "where the cache is, "
                "float32, float16 or bfloat16, last stride 1, dim at least " +
                    std::to_string(dim));
  }
  const auto rotate_there = device == kDLCPU ? rotate_tensor : rotate_on_device;
  rotate_there(self.queue(), self.rope(layer), first, *x, pos, row_stride, turn_only == 0, *out);
  return KVERN_OK;
} catch (const std::bad_alloc &) {
  return fail(error, KVERN_OUT_OF_MEMORY, "kvern.rope/1: no memory is left");
} catch (const std::exception &e) {
  return fail(error, KVERN_DEVICE_ERROR, std::string("kvern.rope/1: ") + e.what());
}

kvern_status tables(void *ctx, int32_t layer, const int64_t *pos, int64_t n, float *cos, float *sin,
                    int32_t *rotary_dim, int32_t *interleaved, float *factor, kvern_error *error) try {
  const auto &self = *static_cast<const RopeExtension *>(ctx);
  const kvern_status status = check_layer(self, layer, error);
  if (status != KVERN_OK) return status;
  const RopeConfig &config = self.rope(layer).config();
  if (rotary_dim) *rotary_dim = static_cast<int32_t>(config.rotary_dim);
  if (interleaved) *interleaved = config.interleaved;
  if (factor) *factor = static_cast<float>(config.attention_factor);
  if (cos != nullptr && sin != nullptr) self.rope(layer).tables(pos, n, 0, false, cos, sin);
  return KVERN_OK;
} catch (const std::exception &e) {
  return fail(error, KVERN_OUT_OF_MEMORY, std::string("kvern.rope/1: ") + e.what());
}

}  // namespace

RopeExtension::RopeExtension(std::vector<LayerRope> ropes, Queue &queue)
    : ropes_(std::move(ropes)),
      none_(RopeConfig{}),
      queue_(queue),
      table_{sizeof(kvern_rope_1), 0, this, &rotate, &tables} {}

const Rope &RopeExtension::rope(int32_t layer) const {
  const Rope *rope = ropes_[static_cast<size_t>(layer)].rope;
  return rope == nullptr ? none_ : *rope;
}

}  // namespace kvern::models
