#include "plugins/evicting/observe.hpp"

#include <algorithm>

#include <kvern/sdk/tensor.hpp>
#include <limits>

#include "plugins/evicting/policy.hpp"

namespace kvern::evicting {
namespace {

/// Columns whose query is no token of the text: it sees nothing.
void clear_columns(const RowRequest &request, int64_t begin, int64_t end) {
  const DLTensor &out = *request.call.out;
  auto *data = reinterpret_cast<float *>(sdk::data_of(out));
  auto *lse = request.call.lse ? reinterpret_cast<float *>(sdk::data_of(*request.call.lse)) : nullptr;
  for (int64_t head = 0; head < out.shape[1]; ++head) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at =
          request.row * sdk::stride_of(out, 0) + head * sdk::stride_of(out, 1) + i * sdk::stride_of(out, 2);
      std::fill_n(data + at, out.shape[3], 0.0f);
      if (lse)
        lse[(request.row * out.shape[1] + head) * out.shape[2] + i] = -std::numeric_limits<float>::infinity();
    }
  }
}

/// From lse [heads, n] of some columns to the request's [rows, heads, n_new].
void copy_lse(const std::vector<float> &from, int64_t heads, int64_t n, const RowRequest &request,
              int64_t begin) {
  if (!request.call.lse) return;
  auto *to = reinterpret_cast<float *>(sdk::data_of(*request.call.lse));
  const int64_t n_new = request.call.q->shape[2];
  for (int64_t head = 0; head < heads; ++head)
    std::copy_n(from.data() + head * n, n, to + (request.row * heads + head) * n_new + begin);
}

}  // namespace

void Observer::attend(const RowRequest &request, bool tentative, StepMass &mass) const {
  clear_columns(request, 0, request.begin);
  clear_columns(request, request.end, request.call.q->shape[2]);
  const auto of = [&](int64_t plane) { return mass.mass.empty() ? nullptr : mass.of(plane, request.row, 0); };
  if (tentative && !mass.mass.empty()) {
    for (int64_t i = request.begin; i < request.end; ++i) attend_columns(request, i, i + 1, of(i));
    return;
  }
  const int64_t observed = mass.mass.empty() ? 0 : observed_queries(settings_, request.end - request.begin);
  attend_columns(request, request.begin, request.end - observed, nullptr);
  attend_columns(request, request.end - observed, request.end, of(0));
}

void Observer::attend_columns(const RowRequest &request, int64_t begin, int64_t end, float *mass) const {
  if (end <= begin) return;
  const sdk::TensorSlice::Range row{request.row, 1}, columns{begin, end - begin}, slots{0, request.slots};
  const sdk::TensorSlice q(*request.call.q, row, columns), out(*request.call.out, row, columns),
      k(request.k, row, slots), v(request.v, row, slots);
  DLTensor out_tensor = out.tensor();
  const int64_t heads = request.call.q->shape[1], n = end - begin;
  std::vector<float> sums(static_cast<std::size_t>(heads * n));
  int64_t lse_shape[3] = {1, heads, n};
  DLTensor lse{sums.data(), {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, lse_shape, nullptr, 0};
  std::vector<int64_t> q_pos;
  for (int64_t i = begin; i < end; ++i) q_pos.push_back(request.first_position + i);
  kvern_attend call = request.call;
  call.q = &q.tensor();
  call.out = &out_tensor;
  call.lse = &lse;
  const kvern_piece_1 piece{&k.tensor(), &v.tensor(), nullptr, request.key_pos, 0, request.head_stride, 0, 1};
  kvern_error error = sdk::empty_error();
  if (!mass) {
    sdk::require(attention_.run(attention_.ctx, &call, q_pos.data(), &piece, 1, 0, nullptr, &error), error);
  } else {
    int64_t shape[3] = {1, request.k.shape[1], request.slots};
    DLTensor to{mass, {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, shape, nullptr, 0};
    sdk::require(attention_.run_with_mass(attention_.ctx, &call, q_pos.data(), &piece, &to, nullptr, &error),
                 error);
  }
  copy_lse(sums, heads, n, request, begin);
}

}  // namespace kvern::evicting
