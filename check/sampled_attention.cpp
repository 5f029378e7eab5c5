#include "check/sampled_attention.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "check/harness.hpp"
#include "check/tensor_view.hpp"

namespace kvern::conformance {
namespace {

constexpr double kRelative = 0.25, kOfLargestValue = 0.02;

bool sees(const AttendedLayer &layer, int64_t key, int64_t query) {
  if (key < 0) return false;
  if (!layer.request.causal) return true;
  return key <= query && (layer.request.window == 0 || key > query - layer.request.window);
}

double element_of_bias(const DLTensor &bias, int64_t row, int64_t head, int64_t query, int64_t slot) {
  const int64_t index[4] = {row, head, query, slot};
  int64_t at = 0;
  for (int axis = 0; axis < 4; ++axis)
    if (bias.shape[axis] != 1) at += index[axis] * stride_of(bias, axis);
  return double{load(data_of(bias), bias.dtype, at)};
}

double score_of(const kvern_attend &request, const std::vector<float> &q, const std::vector<float> &k) {
  double sum = 0;
  for (std::size_t d = 0; d < q.size(); ++d) sum += double{q[d]} * k[d];
  sum *= request.scale;
  return request.softcap > 0 ? request.softcap * std::tanh(sum / request.softcap) : sum;
}

}  // namespace

void check_attention(const AttendedLayer &layer, int64_t row, int64_t head, int64_t query) {
  const kvern_attend &request = layer.request;
  const int64_t key_head = head / (request.q->shape[1] / layer.k.shape[1]);
  std::vector<float> q(static_cast<std::size_t>(request.q->shape[3])), k(q.size()),
      v(static_cast<std::size_t>(request.out->shape[3])), out(v.size());
  read_vector(*request.q, row, head, query, q);
  const int64_t at = layer.q_pos ? layer.q_pos[row * request.q->shape[2] + query] : 0;
  if (layer.q_pos && at < 0) return;  // padding: what comes out is not used
  Softmax sum(static_cast<int>(v.size()));
  double largest = 0;
  for (int64_t slot = 0; slot < layer.view.kv_len; ++slot) {
    if (!sees(layer, key_position(layer.view, row, key_head, slot), at)) continue;
    read_vector(layer.k, row, key_head, slot, k);
    read_vector(layer.v, row, key_head, slot, v);
    largest = std::max(largest, std::sqrt(squared_norm(v.data(), request.out->shape[3])));
    double score = score_of(request, q, k);
    if (request.bias) score += element_of_bias(*request.bias, row, head, query, slot);
    sum.add(score, [&](int d) { return double{v[static_cast<std::size_t>(d)]}; });
  }
  if (largest == 0) return;  // nothing is seen, or nothing but zeros
  if (request.sinks) {
    sum.add(double{load(data_of(*request.sinks), request.sinks->dtype, head)}, [](int) { return 0.0; });
  }
  read_vector(*request.out, row, head, query, out);
  double error = 0, wanted = 0;
  for (std::size_t d = 0; d < out.size(); ++d) {
    const double right = sum[static_cast<int>(d)];
    error += (out[d] - right) * (out[d] - right), wanted += right * right;
  }
  if (std::sqrt(error) <= kRelative * std::sqrt(wanted) + kOfLargestValue * largest) return;
  violated("attend of layer " + std::to_string(request.layer) +
           " gives another result than attention over the keys of its view (row " + std::to_string(row) +
           ", head " + std::to_string(head) + ", query " + std::to_string(query) + ")");
}

}  // namespace kvern::conformance
