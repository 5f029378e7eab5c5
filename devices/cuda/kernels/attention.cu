// Attention: how many blocks share the keys of a query, and what puts their parts together.
#include <stdexcept>

#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/attention.cuh"

namespace kvern::device {
namespace {

constexpr int kJoinThreads = 64, kMaxSplits = 64, kKeysOfSplit = 256;

__global__ void __launch_bounds__(kJoinThreads) join_splits(const AttentionWork work) {
  const Query q = query_of(work.c, blockIdx.x);
  const float *lse = work.part_lse + int64_t{blockIdx.x} * work.splits;
  const float *part = work.part + int64_t{blockIdx.x} * work.splits * work.c.dim_v;
  float all = -INFINITY;
  for (int s = 0; s < work.splits; ++s) all = joined(all, lse[s]);
  write_result(work.c, q, all, [&](int64_t i) {
    float sum = 0.0f;
    for (int s = 0; s < work.splits; ++s) sum += weight_of(lse[s], all) * part[s * work.c.dim_v + i];
    return sum;
  });
}

int64_t queries_of(const kernels::AttentionCall &c) { return c.rows * c.q_heads * c.n_new; }

void check(const kernels::AttentionCall &c) {
  const bool positions = c.q_pos || !(c.causal || c.window > 0);
  if (c.kv_heads <= 0 || c.q_heads % c.kv_heads || !positions || (c.merge && !c.lse))
    throw std::invalid_argument(
        "attention: heads that do not group, or no positions, or a merge without lse");
  if (c.dim_k + c.dim_v > 8192 || queries_of(c) > INT32_MAX)
    throw std::invalid_argument("attention: heads of more than 4096 elements, or more than 2^31 queries");
}

}  // namespace

int64_t attention_elements(const kernels::AttentionCall &call, int splits) {
  return splits == 1 && !decodes(call) ? 0 : queries_of(call) * splits * (call.dim_v + 1);
}

int attention_splits(const kernels::AttentionCall &call, int multiprocessors) {
  const int64_t wanted =
      (2 * int64_t{multiprocessors} + queries_of(call) - 1) / (queries_of(call) ? queries_of(call) : 1);
  const int64_t most = (call.kv_len + kKeysOfSplit - 1) / kKeysOfSplit;
  const int64_t splits = wanted < most ? wanted : most;
  return static_cast<int>(splits < 1 ? 1 : splits > kMaxSplits ? kMaxSplits : splits);
}

void attention(const kernels::AttentionCall &call, int splits, float *workspace, StreamHandle stream) {
  check(call);
  if (queries_of(call) == 0) return;
  const AttentionWork work{call, splits, workspace, workspace + queries_of(call) * splits * call.dim_v};
  const bool decode = decodes(call);
  decode ? launch_attention_decode(work, stream) : launch_attention_rows(work, stream);
  if (splits == 1 && !decode) return;
  launch(&join_splits, dim3(static_cast<unsigned>(queries_of(call))), kJoinThreads, 0, stream, work);
}

}  // namespace kvern::device
