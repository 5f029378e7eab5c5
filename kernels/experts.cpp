// Rows grouped by expert (counting sort); each group runs through its expert's products.
#include "kernels/experts.hpp"

#include <algorithm>
#include <cmath>

namespace kvern::kernels {
namespace {

constexpr int64_t kGroupRows = 256;  // rows of one expert that run together
static_assert(sizeof(int32_t) == sizeof(float), "row numbers live in the workspace of floats");

int64_t group_rows(const ExpertsCall &c) { return std::min(c.rows, kGroupRows); }

int32_t expert_of(const ExpertsCall &c, int64_t choice) { return c.ids ? c.ids[choice] : 0; }

/// The choices (row * top_k + place) of expert e are order[first[e]] ... order[first[e + 1] - 1], in order of rows.
struct Groups {
  int32_t *first, *order;

  Groups(const ExpertsCall &c, float *memory)
      : first(reinterpret_cast<int32_t *>(memory)), order(first + c.experts + 2) {
    const int64_t n = c.rows * c.top_k;
    std::fill(first, first + c.experts + 2, 0);
    for (int64_t i = 0; i < n; ++i) ++first[expert_of(c, i) + 2];
    for (int64_t e = 2; e < c.experts + 2; ++e) first[e] += first[e - 1];
    for (int64_t i = 0; i < n; ++i) order[first[expert_of(c, i) + 1]++] = static_cast<int32_t>(i);
  }
  static int64_t floats(const ExpertsCall &c) { return c.experts + 2 + c.rows * c.top_k; }
};

struct Rows {
  float *data;
  int64_t n, stride;
};

MatmulCall product(const ExpertsCall &c, const Rows &x, int64_t k, const void *w, int64_t n, const Rows &y) {
  MatmulCall call;
  call.m = x.n;
  call.n = n;
  call.k = k;
  call.x = x.data;
  call.x_stride = x.stride;
  call.w = w;
  call.w_type = c.type;
  call.layout = c.layout;
  call.w_stride = c.layout == WeightLayout::n_k ? k : n;
  call.bias_type = c.type;
  call.y = y.data;
  call.y_stride = y.stride;
  call.round_x = true;
  return call;
}

/// y = x w + bias, where `packed` takes the place of w unless it is NULL.
void multiply(const ExpertsCall &c, const Rows &x, int64_t k, const void *w, const PackedMatrix *packed,
              const void *bias, int64_t n, const Rows &y, const Parallel &parallel) {
  if (packed) {
    const PackedPart part{packed, bias, c.type};
    return packed_matmul({x.n, x.data, x.stride, &part, 1, y.data, y.stride, false}, parallel);
  }
  MatmulCall call = product(c, x, k, w, n, y);
  call.bias = bias;
  matmul(call, parallel);
}

const void *bias_at(const ExpertsCall &c, const void *bias, int64_t i) {
  return bias ? element_at(bias, c.type, i) : nullptr;
}

/// y [n, 2 width] = gate and up of x.
void gate_and_up(const ExpertsCall &c, const Expert &e, const Rows &x, const Rows &y,
                 const Parallel &parallel) {
  const void *up_bias = bias_at(c, e.gate_bias, c.width);
  if (e.packed_gate && e.packed_up && !e.packed_gate->order && !e.packed_up->order) {
    const PackedPart parts[] = {{e.packed_gate, e.gate_bias, c.type}, {e.packed_up, up_bias, c.type}};
    return packed_matmul({x.n, x.data, x.stride, parts, 2, y.data, y.stride, false}, parallel);
  }
  const bool joined =
      e.packed_gate ? !e.packed_up && !e.up
                    : c.layout == WeightLayout::k_n || e.up == element_at(e.gate, c.type, c.width * c.dim);
  multiply(c, x, c.dim, e.gate, e.packed_gate, e.gate_bias, joined ? 2 * c.width : c.width, y, parallel);
  if (joined) return;
  multiply(c, x, c.dim, e.up, e.packed_up, up_bias, c.width, {y.data + c.width, y.n, y.stride}, parallel);
}

/// (up + 1) * gate * sigmoid(alpha * gate) of clamped values, into the first half of the row: pair i is read before element i,
/// or any behind it, is overwritten.
void clamped_row(const ExpertActivation &a, float *row, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    const float gate = std::min(row[a.interleaved ? 2 * i : i], a.clamp);
    const float up = std::clamp(row[a.interleaved ? 2 * i + 1 : width + i], -a.clamp, a.clamp);
    row[i] = (up + 1.0f) * gate / (1.0f + std::exp(-a.alpha * gate));
  }
}

/// The first `width` elements of each row become the input of the second product.
void activate_rows(const ExpertsCall &c, const Rows &hidden, const Parallel &parallel) {
  if (c.activation.clamp > 0.0f) {
    parallel_for(parallel, hidden.n, 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        clamped_row(c.activation, hidden.data + r * hidden.stride, c.width);
    });
    return;
  }
  ActivationCall call;
  call.activation = c.activation.activation;
  call.rows = hidden.n;
  call.dim = c.width;
  call.x = call.out = hidden.data;
  call.up = hidden.data + c.width;
  call.x_stride = call.up_stride = call.out_stride = hidden.stride;
  activate(call, parallel);
}

/// One group of an expert: the rows of `choices`, in order.
struct GroupRun {
  const ExpertsCall &c;
  const Expert &expert;
  const Parallel &parallel;
  Rows gathered, hidden, result;

  int64_t row_of(int32_t choice) const { return choice / c.top_k; }

  /// x of the choices: where it is, if they are neighbours.
  Rows input(const int32_t *choices, int64_t n) const {
    const int64_t first = row_of(choices[0]);
    if (row_of(choices[n - 1]) - first == n - 1)
      return {const_cast<float *>(c.x) + first * c.x_stride, n, c.x_stride};
    for (int64_t i = 0; i < n; ++i) {
      const float *from = c.x + row_of(choices[i]) * c.x_stride;
      std::copy(from, from + c.dim, gathered.data + i * c.dim);
    }
    return {gathered.data, n, c.dim};
  }

  void add(const int32_t *choices, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) {
      const float weight = c.weights ? c.weights[choices[i]] : 1.0f;
      add_scaled(c.out + row_of(choices[i]) * c.out_stride, c.out_stride, result.data + i * c.dim, c.dim,
                 weight, 1, c.dim, serial());
    }
  }

  void operator()(const int32_t *choices, int64_t n) const {
    const Rows inner = {hidden.data, n, 2 * c.width}, x = input(choices, n);
    gate_and_up(c, expert, x, inner, parallel);
    activate_rows(c, inner, parallel);
    if (c.observer) (*c.observer)({&expert, n, x.data, x.stride, inner.data, inner.stride});
    multiply(c, inner, c.width, expert.down, expert.packed_down, expert.down_bias, c.dim,
             {result.data, n, c.dim}, parallel);
    add(choices, n);
  }
};

}  // namespace

int64_t experts_workspace(const ExpertsCall &c) {
  return Groups::floats(c) + group_rows(c) * 2 * (c.dim + c.width);
}

void experts(const ExpertsCall &c, const Parallel &parallel) {
  if (c.rows == 0) return;
  for (int64_t row = 0; row < c.rows && !c.accumulate; ++row)
    std::fill_n(c.out + row * c.out_stride, c.dim, 0.0f);
  const int64_t n = group_rows(c);
  float *gathered = c.workspace, *hidden = gathered + n * c.dim, *result = hidden + n * 2 * c.width;
  const Groups groups(c, result + n * c.dim);
  for (int64_t e = 0; e < c.experts; ++e) {
    const GroupRun run{
        c, c.expert[e], parallel, {gathered, n, c.dim}, {hidden, n, 2 * c.width}, {result, n, c.dim}};
    for (int64_t at = groups.first[e]; at < groups.first[e + 1]; at += n)
      run(groups.order + at, std::min<int64_t>(n, groups.first[e + 1] - at));
  }
}

}  // namespace kvern::kernels
