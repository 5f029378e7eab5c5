// Strided copies between memory of the device, with conversion and selection along an axis.
#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/element.cuh"

namespace kvern::device {
namespace {

constexpr int kThreads = 128;

template <class Bits>
__device__ void move_element(const StridedCopy &c, int64_t from, int64_t to) {
  static_cast<Bits *>(c.to)[to] = c.from ? static_cast<const Bits *>(c.from)[from] : Bits(0);
}

__device__ void copy_element(const StridedCopy &c, int64_t from, int64_t to) {
  if (c.converts) return store(c.to, c.to_type, to, load(c.from, c.from_type, from));
  if (c.element == 1) return move_element<uint8_t>(c, from, to);
  if (c.element == 2) return move_element<uint16_t>(c, from, to);
  if (c.element == 4) return move_element<uint32_t>(c, from, to);
  move_element<uint64_t>(c, from, to);
}

struct CopyKernel {
  StridedCopy c;
  int64_t n;
};
__global__ void __launch_bounds__(kThreads) copy_all(const CopyKernel call) {
  const StridedCopy &c = call.c;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < call.n;
       i += int64_t{gridDim.x} * kThreads) {
    int64_t rest = i, from = 0, to = 0;
    for (int axis = c.axes - 1; axis >= 0; --axis) {
      const int64_t at = rest % c.shape[axis];
      rest /= c.shape[axis];
      from += (c.index && axis == c.index_axis ? c.index[at] : at) * c.from_stride[axis];
      to += at * c.to_stride[axis];
    }
    copy_element(c, from, to);
  }
}

}  // namespace

void copy_strided(const StridedCopy &call, StreamHandle stream) {
  int64_t n = 1;
  for (int axis = 0; axis < call.axes; ++axis) n *= call.shape[axis];
  if (n == 0) return;
  const int64_t blocks = (n + kThreads - 1) / kThreads;
  launch(&copy_all, dim3(static_cast<unsigned>(blocks < 65535 ? blocks : 65535)), kThreads, 0, stream,
         CopyKernel{call, n});
}

}  // namespace kvern::device
