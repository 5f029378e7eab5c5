// The router of a mixture of experts: which experts each token goes to, and with which weights. Softmax routing: Shazeer et al.
// 2017; groups and the bias of the choice: DeepSeek-V2 and -V3 (2024).
#pragma once
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/parallel.hpp"

namespace kvern::kernels {

enum class RouterScore : int32_t { softmax, sigmoid };

/// What a group of experts is worth; experts of groups that are not among the best cannot be chosen.
enum class GroupScore : int32_t { none, largest, two_largest };

/// The parameters of a router. p = softmax or sigmoid of the logits. The top_k experts with the largest p, or p + bias, are
/// chosen, the first among equals; the bias does not enter the weights.
struct Routing {
  int64_t experts = 0, top_k = 0;
  RouterScore score = RouterScore::softmax;
  bool normalize = false;  ///< weights of a token are divided by their sum
  float scale = 1.0f;      ///< of the weights, last
  GroupScore group_score = GroupScore::none;
  int64_t groups = 1, top_groups = 1;  ///< equal groups in order, and how many of them stay
};

/// ids [rows, top_k] in ascending order, weights [rows, top_k] of logits [rows, experts].
struct RouteCall {
  Routing routing;
  int64_t rows = 0;
  const float *logits = nullptr;
  int64_t logits_stride = 0;
  const void *bias = nullptr;  ///< nullable, [experts]: added to p for the choice alone
  Dtype bias_type = Dtype::f32;
  int32_t *ids = nullptr;
  float *weights = nullptr;
};

/// Throws std::invalid_argument for a routing that contradicts itself. At most 4096 experts. [any thread]
void route(const RouteCall &call, const Parallel &parallel);

/// Reference implementation in double precision.
void route_reference(const RouteCall &call);

inline constexpr int64_t kMaxExperts = 4096;

}  // namespace kvern::kernels
