// Attention of any shape: a block for each query and share of the keys, which go by in tiles of one key a thread.
#include "devices/cuda/kernels/attention.cuh"
#include "devices/cuda/kernels/reduce.cuh"

namespace kvern::device {
namespace {

/// Shared memory: q [dim_k], the sum of weighted values [dim_v], weights of a tile [threads], 32 floats for reductions.
struct Shared {
  float *q, *sum, *weight, *reduce;
  __device__ explicit Shared(const kernels::AttentionCall &c)
      : q(reinterpret_cast<float *>(shared_memory())),
        sum(q + c.dim_k),
        weight(sum + c.dim_v),
        reduce(weight + blockDim.x) {}
};

__device__ float logit(const kernels::AttentionCall &c, const Query &q, int64_t key, const float *x) {
  const int64_t at = q.row * c.k_stride.row + q.kv_head * c.k_stride.head + key * c.k_stride.pos;
  float dot = 0.0f;
  for (int64_t i = 0; i < c.dim_k; ++i) dot += x[i] * load(c.k, c.kv_type, at + i);
  return finished_logit(c, q, key, dot);
}

__global__ void __launch_bounds__(128) attend_rows(const AttentionWork work) {
  const kernels::AttentionCall &c = work.c;
  const Query q = query_of(c, blockIdx.x);
  const Shared shared(c);
  const int64_t threads = blockDim.x, thread = threadIdx.x;
  const int64_t q_at = q.row * c.q_stride.row + q.head * c.q_stride.head + q.token * c.q_stride.pos;
  for (int64_t i = thread; i < c.dim_k; i += threads) shared.q[i] = load(c.q, c.q_type, q_at + i);
  for (int64_t i = thread; i < c.dim_v; i += threads) shared.sum[i] = 0.0f;
  sync_block();

  const KeyRange range = range_of(c, q);
  const int64_t tiles = (range.end - range.begin + threads - 1) / threads;
  const int64_t each = (tiles + work.splits - 1) / work.splits;
  const int64_t v_at = q.row * c.v_stride.row + q.kv_head * c.v_stride.head;
  float most = -INFINITY, mass = 0.0f;
  for (int64_t tile = each * blockIdx.y; tile < each * (blockIdx.y + 1) && tile < tiles; ++tile) {
    const int64_t begin = range.begin + tile * threads, key = begin + thread;
    const float x = key < range.end && sees(c, q, key) ? logit(c, q, key, shared.q) : -INFINITY;
    const float top = fmaxf(most, reduce_block(x, shared.reduce, Max()));
    const float kept = weight_of(most, top), weight = weight_of(x, top);
    shared.weight[thread] = weight;  // reduce_block is between this and those who read the last ones
    mass = mass * kept + reduce_block(weight, shared.reduce, Sum());
    most = top;
    const int64_t keys = range.end - begin < threads ? range.end - begin : threads;
    for (int64_t i = thread; i < c.dim_v; i += threads) {
      float sum = shared.sum[i] * kept;
      for (int64_t j = 0; j < keys; ++j)
        if (shared.weight[j] != 0.0f)
          sum += shared.weight[j] * load(c.v, c.kv_type, v_at + (begin + j) * c.v_stride.pos + i);
      shared.sum[i] = sum;
    }
  }
  const float lse = mass != 0.0f ? most + logf(mass) : -INFINITY;
  if (work.splits == 1) return write_result(c, q, lse, [&](int64_t i) { return shared.sum[i] / mass; });
  const int64_t part = int64_t{blockIdx.x} * work.splits + blockIdx.y;
  for (int64_t i = thread; i < c.dim_v; i += threads)
    work.part[part * c.dim_v + i] = mass != 0.0f ? shared.sum[i] / mass : 0.0f;
  if (thread == 0) work.part_lse[part] = lse;
}

}  // namespace

void launch_attention_rows(const AttentionWork &work, void *stream) {
  const kernels::AttentionCall &c = work.c;
  const int threads = c.kv_len <= 32 ? 32 : c.kv_len <= 64 ? 64 : 128;
  const auto shared = static_cast<int>(c.dim_k + c.dim_v + threads + 32) * 4;
  const dim3 grid(static_cast<unsigned>(c.rows * c.q_heads * c.n_new), static_cast<unsigned>(work.splits));
  launch(&attend_rows, grid, threads, shared, stream, work);
}

}  // namespace kvern::device
