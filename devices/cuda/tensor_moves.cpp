#include "devices/cuda/tensor_moves.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace kvern::device {
namespace {

bool equal(DLDataType a, DLDataType b) { return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes; }

bool is_float(DLDataType type) {
  return type.lanes == 1 && ((type.code == kDLFloat && (type.bits == 32 || type.bits == 16)) ||
                             (type.code == kDLBfloat && type.bits == 16));
}

kernels::Dtype float_type(DLDataType type) {
  if (type.bits == 32) return kernels::Dtype::f32;
  return type.code == kDLBfloat ? kernels::Dtype::bf16 : kernels::Dtype::f16;
}

int element_bytes(DLDataType type) { return (type.bits * type.lanes + 7) / 8; }

int64_t elements(const DLTensor &t) {
  int64_t n = 1;
  for (int i = 0; i < t.ndim; ++i) n *= t.shape[i];
  return n;
}

char *address(const DLTensor &t) { return static_cast<char *>(t.data) + t.byte_offset; }

bool on_plain_host(const DLTensor &t) { return t.device.device_type == kDLCPU; }

int64_t stride_of(const DLTensor &t, int axis) {
  if (t.strides) return t.strides[axis];
  int64_t stride = 1;
  for (int i = axis + 1; i < t.ndim; ++i) stride *= t.shape[i];
  return stride;
}

bool contiguous(const DLTensor &t) {
  int64_t stride = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    if (t.shape[i] != 1 && stride_of(t, i) != stride) return false;
    stride *= t.shape[i];
  }
  return true;
}

/// A contiguous tensor of the same shape elsewhere.
DLTensor packed(const DLTensor &like, void *data, DLDevice device) {
  return {data, device, like.ndim, like.dtype, like.shape, nullptr, 0};
}

void check_axes(const DLTensor &t) {
  const int bytes = element_bytes(t.dtype);
  if (t.ndim > StridedCopy::kMaxAxes || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
    throw std::invalid_argument(
        "copy: tensors of more than six axes, or of elements that are not 1, 2, 4 or 8 bytes");
}

void check_reached(const DLTensor &t, const char *verb) {
  if (on_plain_host(t))
    throw std::invalid_argument(std::string(verb) +
                                ": a tensor is in plain host memory, which the device cannot reach; copy it");
}

void check_fit(const DLTensor &from, const DLTensor &to) {
  if (from.ndim != to.ndim || !std::equal(from.shape, from.shape + from.ndim, to.shape))
    throw std::invalid_argument("copy: the tensors' shapes differ");
  if (!equal(from.dtype, to.dtype) && !(is_float(from.dtype) && is_float(to.dtype)))
    throw std::invalid_argument("copy: only float32, float16 and bfloat16 are converted to each other");
  check_axes(from);
  check_axes(to);
}

StridedCopy strided(const DLTensor &from, const DLTensor &to) {
  StridedCopy call;
  call.from = address(from);
  call.to = address(to);
  call.axes = from.ndim;
  call.element = element_bytes(to.dtype);
  call.converts = !equal(from.dtype, to.dtype);
  if (call.converts) {
    call.from_type = float_type(from.dtype);
    call.to_type = float_type(to.dtype);
  }
  for (int i = 0; i < from.ndim; ++i) {
    call.shape[i] = to.shape[i];
    call.from_stride[i] = stride_of(from, i);
    call.to_stride[i] = stride_of(to, i);
  }
  return call;
}

/// Between a strided tensor in host memory and contiguous bytes: visit(address in the tensor), in order.
template <class Visit>
void each_element(const DLTensor &t, int axis, char *at, Visit &visit) {
  if (axis == t.ndim) return visit(at);
  const int64_t step = stride_of(t, axis) * element_bytes(t.dtype);
  for (int64_t i = 0; i < t.shape[axis]; ++i) each_element(t, axis + 1, at + i * step, visit);
}

/// [begin, end) of an axis.
struct Slice {
  std::vector<int64_t> shape, strides;
  DLTensor tensor;

  Slice(const DLTensor &whole, int axis, int64_t begin, int64_t end)
      : shape(whole.shape, whole.shape + whole.ndim) {
    for (int i = 0; i < whole.ndim; ++i) strides.push_back(stride_of(whole, i));
    shape[static_cast<size_t>(axis)] = end - begin;
    char *at = address(whole) + begin * strides[static_cast<size_t>(axis)] * element_bytes(whole.dtype);
    tensor = {at, whole.device, whole.ndim, whole.dtype, shape.data(), strides.data(), 0};
  }
  Slice(const Slice &) = delete;
};

std::size_t bytes_of(const DLTensor &t) {
  return static_cast<std::size_t>(elements(t) * element_bytes(t.dtype));
}

}  // namespace

Temporary::Temporary(Driver &driver, std::size_t bytes, void *stream)
    : driver_(driver), data_(bytes ? driver.take(bytes, stream) : nullptr), stream_(stream) {
  if (bytes && !data_) throw std::bad_alloc();
}

Temporary::~Temporary() {
  if (data_) driver_.give_back(data_, stream_);
}

void TensorMoves::copy(const DLTensor &from, const DLTensor &to, void *stream) const {
  check_fit(from, to);
  if (elements(from) == 0) return;
  if (on_plain_host(from) && on_plain_host(to))
    throw std::invalid_argument("copy: neither tensor is on the device");
  if (on_plain_host(from)) return copy_from_host(from, to, stream);
  if (on_plain_host(to)) return copy_to_host(from, to, stream);
  copy_on_device(from, to, stream);
}

void TensorMoves::copy_on_device(const DLTensor &from, const DLTensor &to, void *stream) const {
  if (equal(from.dtype, to.dtype) && contiguous(from) && contiguous(to))
    return driver_.copy(address(from), address(to), bytes_of(from), stream);
  copy_strided(strided(from, to), stream);
}

void TensorMoves::copy_from_host(const DLTensor &from, const DLTensor &to, void *stream) const {
  std::vector<char> gathered;
  const char *source = address(from);
  if (!contiguous(from)) {
    const auto size = static_cast<std::size_t>(element_bytes(from.dtype));
    auto visit = [&](const char *at) { gathered.insert(gathered.end(), at, at + size); };
    each_element(from, 0, address(from), visit);
    source = gathered.data();
  }
  if (equal(from.dtype, to.dtype) && contiguous(to))
    return driver_.copy(source, address(to), bytes_of(from), stream);
  const Temporary there(driver_, bytes_of(from), stream);
  driver_.copy(source, there.data(), bytes_of(from), stream);
  copy_strided(strided(packed(from, there.data(), to.device), to), stream);
}

void TensorMoves::copy_to_host(const DLTensor &from, const DLTensor &to, void *stream) const {
  if (equal(from.dtype, to.dtype) && contiguous(from) && contiguous(to))
    return driver_.copy(address(from), address(to), bytes_of(from), stream);
  const Temporary there(driver_, bytes_of(to), stream);
  copy_strided(strided(from, packed(to, there.data(), from.device)), stream);
  std::vector<char> read(bytes_of(to));
  driver_.copy(there.data(), read.data(), read.size(), stream);
  const char *next = read.data();
  const auto size = static_cast<std::size_t>(element_bytes(to.dtype));
  auto visit = [&](char *at) {
    std::memcpy(at, next, size);
    next += size;
  };
  each_element(to, 0, address(to), visit);
}

void TensorMoves::zero(const DLTensor &to, void *stream) const {
  check_reached(to, "zero");
  check_axes(to);
  StridedCopy call = strided(to, to);
  call.from = nullptr;
  copy_strided(call, stream);
}

// Through memory of its own: what is written may be what is still to be read.
void TensorMoves::take(const DLTensor &from, int axis, const int64_t *index, int64_t n, const DLTensor &to,
                       void *stream) const {
  check_reached(from, "take");
  check_reached(to, "take");
  check_axes(from);
  if (axis < 0 || axis >= from.ndim || to.ndim != from.ndim || to.shape[axis] != n ||
      !equal(from.dtype, to.dtype))
    throw std::invalid_argument("take: no such axis, or shapes or types that do not fit");
  for (int i = 0; i < from.ndim; ++i)
    if (i != axis && from.shape[i] != to.shape[i])
      throw std::invalid_argument("take: shapes that do not fit");
  for (int64_t i = 0; i < n; ++i)
    if (index[i] < 0 || index[i] >= from.shape[axis])
      throw std::invalid_argument("take: an index outside of the tensor");
  if (elements(to) == 0) return;
  const Temporary indices(driver_, static_cast<std::size_t>(n) * sizeof *index, stream),
      there(driver_, bytes_of(to), stream);
  driver_.copy(index, indices.data(), static_cast<std::size_t>(n) * sizeof *index, stream);
  const DLTensor between = packed(to, there.data(), to.device);
  StridedCopy call = strided(from, between);
  std::copy(to.shape, to.shape + to.ndim, call.shape);
  call.index = static_cast<const int64_t *>(indices.data());
  call.index_axis = axis;
  copy_strided(call, stream);
  copy_on_device(between, to, stream);
}

void TensorMoves::move(const DLTensor &tensor, int axis, int64_t begin, int64_t end, int64_t to,
                       void *stream) const {
  check_reached(tensor, "move");
  check_axes(tensor);
  if (axis < 0 || axis >= tensor.ndim || begin < 0 || begin > end || end > tensor.shape[axis] || to < 0 ||
      to + end - begin > tensor.shape[axis])
    throw std::invalid_argument("move: a slice outside of the tensor");
  const Slice source(tensor, axis, begin, end), target(tensor, axis, to, to + end - begin);
  if (elements(source.tensor) == 0 || begin == to) return;
  const Temporary there(driver_, bytes_of(source.tensor), stream);
  const DLTensor between = packed(source.tensor, there.data(), tensor.device);
  copy_on_device(source.tensor, between, stream);
  copy_on_device(between, target.tensor, stream);
}

}  // namespace kvern::device
