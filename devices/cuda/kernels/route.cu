// The router of a mixture: a block per token.
#include <stdexcept>

#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/element.cuh"
#include "devices/cuda/kernels/reduce.cuh"

namespace kvern::device {
namespace {

using kernels::GroupScore;
using kernels::RouterScore;
using kernels::Routing;

constexpr int kThreads = 128;

/// p [experts] of a token, in shared memory: each thread its own elements.
__device__ void score_experts(const kernels::RouteCall &c, int64_t row, float *p, float *reduce) {
  const float *logits = c.logits + row * c.logits_stride;
  const int64_t n = c.routing.experts;
  const bool softmax = c.routing.score == RouterScore::softmax;
  float top = -INFINITY, sum = 0.0f;
  for (int64_t e = threadIdx.x; e < n; e += kThreads) top = fmaxf(top, logits[e]);
  if (softmax) top = reduce_block(top, reduce, Max());
  for (int64_t e = threadIdx.x; e < n; e += kThreads)
    sum += p[e] = softmax ? expf(logits[e] - top) : sigmoid(logits[e]);
  if (softmax) sum = reduce_block(sum, reduce, Sum());
  for (int64_t e = threadIdx.x; softmax && e < n; e += kThreads) p[e] /= sum;
}

/// The first of the largest elements; marks it as taken.
__device__ int64_t take_best(float *values, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; ++i)
    if (values[i] > values[best]) best = i;
  values[best] = -INFINITY;
  return best;
}

__device__ float group_value(const float *choice, int64_t n, GroupScore score) {
  float first = -INFINITY, second = -INFINITY;
  for (int64_t e = 0; e < n; ++e) {
    second = choice[e] > first ? first : fmaxf(second, choice[e]);
    first = fmaxf(first, choice[e]);
  }
  return score == GroupScore::largest || n == 1 ? first : first + second;
}

/// Experts of groups that do not stay become minus infinity; `values` [groups] is scratch.
__device__ void drop_groups(const Routing &r, float *choice, float *values) {
  const int64_t size = r.experts / r.groups;
  for (int64_t g = 0; g < r.groups; ++g) values[g] = group_value(choice + g * size, size, r.group_score);
  for (int64_t i = 0; i < r.top_groups; ++i) take_best(values, r.groups);
  for (int64_t e = 0; e < r.experts; ++e)
    if (values[e / size] != -INFINITY) choice[e] = -INFINITY;
}

/// In ascending order.
__device__ void put_sorted(int32_t *ids, int64_t n, int32_t id) {
  for (; n > 0 && ids[n - 1] > id; --n) ids[n] = ids[n - 1];
  ids[n] = id;
}

// the choice is one thread's: a few passes over shared memory
__global__ void __launch_bounds__(kThreads) route_rows(const kernels::RouteCall c) {
  const Routing &r = c.routing;
  auto *p = reinterpret_cast<float *>(shared_memory());
  float *choice = p + r.experts, *values = choice + r.experts, *reduce = values + r.groups;
  for (int64_t row = blockIdx.x; row < c.rows; row += gridDim.x) {
    score_experts(c, row, p, reduce);
    for (int64_t e = threadIdx.x; e < r.experts; e += kThreads)
      choice[e] = p[e] + (c.bias ? load(c.bias, c.bias_type, e) : 0.0f);
    sync_block();
    if (threadIdx.x == 0) {
      if (r.group_score != GroupScore::none) drop_groups(r, choice, values);
      int32_t *ids = c.ids + row * r.top_k;
      float *weights = c.weights + row * r.top_k, sum = 0.0f;
      for (int64_t i = 0; i < r.top_k; ++i)
        put_sorted(ids, i, static_cast<int32_t>(take_best(choice, r.experts)));
      for (int64_t i = 0; i < r.top_k; ++i) sum += weights[i] = p[ids[i]];
      const float factor = r.normalize ? r.scale / (sum + 1e-20f) : r.scale;
      for (int64_t i = 0; i < r.top_k; ++i) weights[i] *= factor;
    }
    sync_block();
  }
}

void check_routing(const Routing &r) {
  if (r.experts <= 0 || r.experts > kernels::kMaxExperts || r.top_k <= 0 || r.top_k > r.experts)
    throw std::invalid_argument("route: top_k must be 1 to experts, experts at most 4096");
  const bool groups =
      r.groups > 0 && r.experts % r.groups == 0 && r.top_groups > 0 && r.top_groups <= r.groups;
  if (r.group_score != GroupScore::none && (!groups || r.top_k > r.top_groups * (r.experts / r.groups)))
    throw std::invalid_argument("route: the best groups must hold at least top_k experts");
}

}  // namespace

void route(const kernels::RouteCall &call, StreamHandle stream) {
  check_routing(call.routing);
  if (call.rows == 0) return;
  const auto shared = static_cast<int>(2 * call.routing.experts + call.routing.groups + 32) * 4;
  const int64_t blocks = call.rows < 65535 ? call.rows : 65535;
  launch(&route_rows, dim3(static_cast<unsigned>(blocks)), kThreads, shared, stream, call);
}

}  // namespace kvern::device
