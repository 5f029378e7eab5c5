// What a kernel may use, under one name on both sides: nvcc gives the instruction, the emulation (devices/emulation, by a C++
// compiler) a slow replacement that also checks how it is used.
#pragma once
#include <cstdint>

#include "kernels/dtype.hpp"

#ifndef __CUDACC__
#include "devices/emulation/emulation.hpp"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

namespace kvern::device {

/// The block's memory; its size is the launch's. All shared memory comes from here: so the emulation can give every block
/// new memory of exactly that size, full of NaN.
__device__ inline unsigned char *shared_memory() {
  extern __shared__ __align__(16) unsigned char kvern_shared[];
  return kvern_shared;
}
__device__ inline void sync_block() { __syncthreads(); }
/// The value of the lane whose number differs by these bits; all lanes of the warp take part.
template <class T>
__device__ inline T shuffle_xor(T value, int lane_mask) {
  return __shfl_xor_sync(0xffffffffu, value, lane_mask);
}

/// 16 bytes that are read once: past the first level cache.
__device__ inline uint4 load_once(const void *from) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from));
  return v;
}
/// 16 bytes into shared memory in the background; zeros instead where `there` is false. Ready after copy_wait and a barrier.
__device__ inline void copy_16(void *shared, const void *from, bool there) {
  const unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
__device__ inline void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Until at most `Left` of this thread's groups are under way.
template <int Left>
__device__ inline void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Left) : "memory");
}

__device__ inline float from_bf16(uint16_t bits) {
  return __uint_as_float(static_cast<uint32_t>(bits) << 16);
}
__device__ inline float from_f16(uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
__device__ inline uint16_t to_bf16(float x) { return __bfloat16_as_ushort(__float2bfloat16_rn(x)); }
__device__ inline uint16_t to_f16(float x) { return __half_as_ushort(__float2half_rn(x)); }

/// c += a b: a [16 rows, 16], b [16, 8 columns] of bf16, sums in f32, spread over a warp as PTX lays out mma.m16n8k16: with
/// r = lane / 4, q = lane % 4: a[0..3] hold rows r, r + 8, r, r + 8 at k = 2q, 2q + 1 (a[2], a[3]: + 8), b[0..1] column r at the
/// same k, c[0..1] row r and c[2..3] row r + 8 at columns 2q, 2q + 1.
__device__ inline void multiply_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Runs kernel(call) on a grid, in the order of a stream.
template <class Call>
void launch(void (*kernel)(Call), dim3 grid, int threads, int shared_bytes, void *stream, const Call &call) {
  if (shared_bytes > 48 * 1024)
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  void *arguments[] = {const_cast<Call *>(&call)};
  cudaLaunchKernel(reinterpret_cast<const void *>(kernel), grid, dim3(static_cast<unsigned>(threads)),
                   arguments, static_cast<size_t>(shared_bytes), static_cast<cudaStream_t>(stream));
}

}  // namespace kvern::device
#endif
