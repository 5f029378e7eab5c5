// One forward pass through a cache, every answer compared.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <list>

#include "tests/conformance/rig.hpp"

namespace kvern::conformance {
namespace {

bool is_half(DLDataType type) { return type.bits == 16; }

/// A tensor [B, H, T, D] of the test's own; full of poison when it goes.
class Tensor4 {
 public:
  Tensor4(DLDataType type, int64_t b, int64_t h, int64_t t, int64_t d)
      : bytes_(static_cast<std::size_t>(b * h * t * d * type.bits / 8), 0),
        shape_{b, h, t, d},
        strides_{h * t * d, d, h * d, 1} {
    // as a projection lays them out: [B, T, H, D] in memory
    dl = {bytes_.data(), {kDLCPU, 0}, 4, type, shape_, strides_, 0};
  }
  Tensor4(const Tensor4 &) = delete;
  ~Tensor4() { std::fill(bytes_.begin(), bytes_.end(), static_cast<char>(0xFF)); }
  DLTensor dl;

 private:
  std::vector<char> bytes_;
  int64_t shape_[4], strides_[4];
};

float read_element(const DLTensor &tensor, int64_t r, int64_t h, int64_t i, int64_t d) {
  if (!is_half(tensor.dtype)) return at(tensor, r, h, i, d);
  const auto *data = static_cast<const uint16_t *>(tensor.data);
  const int64_t *stride = tensor.strides;
  const uint32_t bits = uint32_t{data[r * stride[0] + h * stride[1] + i * stride[2] + d * stride[3]]} << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

void write_element(const DLTensor &tensor, int64_t r, int64_t h, int64_t i, int64_t d, double value) {
  const auto single = static_cast<float>(value);
  if (!is_half(tensor.dtype)) {
    at(tensor, r, h, i, d) = single;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &single, 4);
  const int64_t *stride = tensor.strides;
  static_cast<uint16_t *>(tensor.data)[r * stride[0] + h * stride[1] + i * stride[2] + d * stride[3]] =
      static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

std::string place(int layer, int64_t row, int64_t head, int64_t column) {
  return " (layer " + std::to_string(layer) + ", row " + std::to_string(row) + ", head " +
         std::to_string(head) + ", column " + std::to_string(column) + ")";
}

int64_t key_position(const kvern_view &view, int64_t row, int64_t head, int64_t slot) {
  if (!view.key_pos) return view.first_pos[row] + slot;
  return view.key_pos[row * view.row_stride + head * view.head_stride + slot];
}

std::vector<int64_t> all_positions(const kvern_view &view, int64_t rows, int64_t heads, int64_t n_new) {
  std::vector<int64_t> all{view.kv_len, static_cast<int64_t>(view.flags)};
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t j = 0; j < view.kv_len; ++j) all.push_back(key_position(view, r, h, j));
    }
  }
  for (int64_t i = 0; i < rows * n_new && view.q_pos; ++i) all.push_back(view.q_pos[i]);
  return all;
}

}  // namespace

struct Rig::Open {
  kvern_step step{};
  std::vector<int64_t> pos, count;  // by row, as in the step
  std::vector<Row> fed;             // the rows with the step's tokens
  std::list<Tensor4> lent;          // of the layer at work
  bool ragged = false;

  DLTensor &lend(DLDataType type, int64_t heads, int64_t tokens, int64_t dim) {
    return lent.emplace_back(type, step.rows, heads, tokens, dim).dl;
  }
  int64_t query_position(const kvern_view &view, int64_t row, int64_t i) const {
    return view.q_pos ? view.q_pos[row * step.n_new + i] : pos[row] + i;
  }
  uint32_t token(int64_t row, int64_t i) const {
    if (i >= count[row]) return 77;
    return fed[row].tokens[static_cast<std::size_t>(pos[row] + fed[row].pad + i)];
  }
};

Outcome Rig::step(const StepPlan &plan) {
  Open open;
  const auto n_rows = static_cast<int64_t>(rows.size());
  open.fed = rows;
  for (int64_t r = 0; r < n_rows; ++r) {
    for (int64_t i = 0; i < plan.news[r]; ++i) open.fed[r].tokens.push_back(static_cast<uint32_t>(engine_()));
    open.pos.push_back(subject.recompute ? -rows[r].pad : rows[r].next());
    open.count.push_back(open.fed[r].next() - open.pos[r]);
    open.step.n_new = std::max(open.step.n_new, open.count[r]);
  }
  for (int64_t count : open.count) open.ragged |= count != open.step.n_new;
  open.step.struct_size = sizeof open.step;
  open.step.rows = n_rows;
  open.step.row_pos = open.pos.data();
  open.step.row_new = open.ragged ? open.count.data() : nullptr;
  open.step.n_cross = plan.n_cross;
  const bool part = !plan.row_keep.empty() || (plan.keep > 0 && plan.keep < open.step.n_new);
  if (part && !subject.recompute) open.step.flags = KVERN_STEP_TENTATIVE;
  const std::vector<Row> before = rows;
  host.enter(-2);
  const kvern_status status = ops().begin(cache, &open.step, &error);
  leave();
  if (status == KVERN_OUT_OF_MEMORY) return Outcome::no_memory;
  if (status == KVERN_OUT_OF_CAPACITY) return Outcome::no_capacity;
  if (status == KVERN_UNSUPPORTED) return Outcome::unsupported;
  expect(status == KVERN_OK, std::string("begin: ") + error.message);
  const Outcome outcome = run_layers(plan, open);
  if (outcome != Outcome::done) {
    expect(ops().end(cache, 0, &error) == KVERN_OK, std::string("end(0): ") + error.message);
    leave();
    return outcome;
  }
  finish(plan, open, before);
  return Outcome::done;
}

/// Anything but done: the step is to be given up.
Outcome Rig::run_layers(const StepPlan &plan, Open &open) {
  for (int layer = 0; layer < static_cast<int>(subject.layers.size()); ++layer) {
    open.lent.clear();
    if (layer == plan.stop_at_layer) return Outcome::done;
    const kvern_layer &shape = subject.layers[layer];
    if (shape.kind == KVERN_LAYER_NONE && shape.shares_layer < 0) continue;
    host.enter(shape.shares_layer >= 0 ? shape.shares_layer : layer);
    if (shape.kind == KVERN_LAYER_STATE) {
      state_layer_step(layer, open);
      continue;
    }
    const Outcome outcome = keys_layer_step(layer, plan, open);
    if (outcome != Outcome::done) return outcome;
  }
  return Outcome::done;
}

void Rig::finish(const StepPlan &plan, Open &open, const std::vector<Row> &before) {
  leave();
  const bool given_up = plan.stop_at_layer >= 0;
  kvern_status status;
  if (!plan.row_keep.empty() && !given_up && !subject.recompute) {
    status = ops().end_rows(cache, plan.row_keep.data(), &error);
  } else {
    const bool all = plan.keep == StepPlan::kAll || subject.recompute;
    status = ops().end(cache, given_up ? 0 : all ? open.step.n_new : plan.keep, &error);
  }
  leave();
  expect(status == KVERN_OK, std::string("end: ") + error.message);
  rows = before;
  for (std::size_t r = 0; r < rows.size() && !given_up; ++r) {
    int64_t kept = plan.news[r];
    if (!plan.row_keep.empty()) {
      kept = plan.row_keep[r];
    } else if (plan.keep != StepPlan::kAll) {
      kept = std::min(kept, plan.keep);
    }
    rows[r].tokens = open.fed[r].tokens;
    rows[r].tokens.resize(before[r].tokens.size() + static_cast<std::size_t>(kept));
  }
}

Outcome Rig::step_or_single(const StepPlan &plan) {
  const Outcome outcome = step(plan);
  if (outcome != Outcome::smaller_steps) return outcome;
  const int64_t most = *std::max_element(plan.news.begin(), plan.news.end());
  for (int64_t i = 0; i < most; ++i) {
    StepPlan single;
    for (int64_t count : plan.news) single.news.push_back(i < count ? 1 : 0);
    single.n_cross = i == 0 ? plan.n_cross : 0;
    const Outcome one = step(single);
    if (one != Outcome::done) return one;
  }
  return Outcome::done;
}

void Rig::state_layer_step(int layer, Open &open) {
  DLTensor read, write;
  const kvern_status status = ops().state(cache, layer, 0, &read, &write, &error);
  expect(status == KVERN_OK, std::string("state: ") + error.message);
  const bool tentative = (open.step.flags & KVERN_STEP_TENTATIVE) != 0;
  expect(write.ndim == (tentative ? 3 : 2),
         "a state to be written has " + std::to_string(write.ndim) + " axes");
  const auto *old = static_cast<const float *>(read.data);
  auto *fresh = static_cast<float *>(write.data);
  for (int64_t r = 0; r < open.step.rows; ++r) {
    std::vector<double> state(old + r * kStateDim, old + (r + 1) * kStateDim);
    for (int64_t i = 0; i < open.step.n_new; ++i) {
      const bool real = i < open.count[r] && open.pos[r] + i >= 0;
      for (int d = 0; d < kStateDim; ++d) {
        if (real)
          state[d] = static_cast<float>(0.8 * state[d] + number(open.token(r, i), layer, Kind::state, 0, d));
        if (tentative) fresh[(r * open.step.n_new + i) * kStateDim + d] = static_cast<float>(state[d]);
      }
    }
    const std::vector<double> wanted =
        state_after(open.fed[r], layer, static_cast<int64_t>(open.fed[r].tokens.size()), kStateDim);
    for (int d = 0; d < kStateDim; ++d) {
      if (!tentative) fresh[r * kStateDim + d] = static_cast<float>(state[d]);
      expect(std::abs(wanted[d] - state[d]) < 1e-5, "a recurrent state is wrong" + place(layer, r, 0, 0));
      ++counts.numbers;
    }
  }
  ++counts.state;
}

/// The new tokens' keys and values, as the view wants them. What stands in the columns that a ragged row does not have is
/// anything: not a number at all.
void Rig::fill_keys(int owner, const Open &open, const kvern_view &view, const DLTensor &k,
                    const DLTensor &v) const {
  const kvern_layer &shape = subject.layers[owner];
  const bool cross = shape.kind == KVERN_LAYER_CROSS;
  std::vector<double> x(static_cast<std::size_t>(shape.head_dim_k));
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int64_t i = 0; i < k.shape[2]; ++i) {
      const bool filler = !cross && i >= open.count[r];
      const uint32_t token = cross ? rows[r].encoder + static_cast<uint32_t>(i) : open.token(r, i);
      for (int h = 0; h < shape.kv_heads; ++h) {
        for (int d = 0; d < shape.head_dim_k; ++d) x[d] = number(token, owner, Kind::key, h, d);
        if (!cross && !(view.flags & KVERN_VIEW_RAW_K))
          rotate(owner, x.data(), shape.head_dim_k, open.query_position(view, r, i));
        for (int d = 0; d < shape.head_dim_k; ++d) write_element(k, r, h, i, d, filler ? NAN : x[d]);
        for (int d = 0; d < shape.head_dim_v; ++d) {
          write_element(v, r, h, i, d, filler ? NAN : number(token, owner, Kind::value, h, d));
        }
      }
    }
  }
}

/// A query of the model's, rotated unless the view wants it raw.
std::vector<double> Rig::query(int layer, const Open &open, const kvern_view &view, int64_t r, int h,
                               int64_t i, bool raw) const {
  const kvern_layer &shape = subject.layers[layer];
  std::vector<double> q(static_cast<std::size_t>(shape.head_dim_k));
  for (int d = 0; d < shape.head_dim_k; ++d) q[d] = number(open.token(r, i), layer, Kind::query, h, d);
  const int owner = shape.shares_layer >= 0 ? shape.shares_layer : layer;
  if (!raw && shape.kind != KVERN_LAYER_CROSS)
    rotate(owner, q.data(), shape.head_dim_k, open.query_position(view, r, i));
  return q;
}

/// Anything but done: the step is to be given up.
Outcome Rig::keys_layer_step(int layer, const StepPlan &plan, Open &open) {
  const kvern_layer &shape = subject.layers[layer];
  const bool cross = shape.kind == KVERN_LAYER_CROSS, shared = shape.shares_layer >= 0;
  const int owner = shared ? shape.shares_layer : layer;
  const int64_t length = cross ? open.step.n_cross : open.step.n_new;
  const kvern_view view = ask_view(owner);
  DLTensor &k = open.lend(subject.type, shape.kv_heads, length, shape.head_dim_k);
  DLTensor &v = open.lend(subject.type, shape.kv_heads, length, shape.head_dim_v);
  fill_keys(owner, open, view, k, v);
  const DLTensor *give_k = shared || length == 0 ? nullptr : &k;
  const DLTensor *give_v = (shape.flags & KVERN_VALUES_IN_KEYS) || !give_k ? nullptr : &v;
  const bool attend =
      plan.path == StepPlan::Path::attend || (plan.path == StepPlan::Path::either && random(0, 1));
  if (attend && ops().attend && !cross && try_attend(layer, open, view, give_k, give_v)) return Outcome::done;
  DLTensor out_k, out_v;
  const kvern_status status = ops().update(cache, owner, give_k, give_v, &out_k, &out_v, &error);
  if (status == KVERN_UNSUPPORTED) return Outcome::smaller_steps;
  // who attends itself may have to unpack what it hands out
  if (status == KVERN_OUT_OF_MEMORY && ops().attend) return Outcome::no_memory;
  expect(status == KVERN_OK, std::string("update: ") + error.message);
  const std::vector<int64_t> said = all_positions(view, open.step.rows, shape.kv_heads, open.step.n_new);
  const kvern_view again = ask_view(owner);
  expect(said == all_positions(again, open.step.rows, shape.kv_heads, open.step.n_new),
         "view says one thing before update and another after it" + place(layer, 0, 0, 0));
  check_handed_out(layer, open, again, out_k, out_v);
  compare_update(layer, open, again, out_k, out_v);
  ++counts.update;
  return Outcome::done;
}

kvern_view Rig::ask_view(int layer) const {
  kvern_view view{};
  view.struct_size = sizeof view;
  expect(ops().view(cache, layer, &view, &error) == KVERN_OK, std::string("view: ") + error.message);
  return view;
}

/// False if the cache leaves this request to the host.
bool Rig::try_attend(int layer, Open &open, const kvern_view &view, const DLTensor *k, const DLTensor *v) {
  const kvern_layer &shape = subject.layers[layer];
  const int64_t n_rows = open.step.rows, n = open.step.n_new;
  const DLDataType single{kDLFloat, 32, 1};
  DLTensor &q = open.lend(single, shape.q_heads, n, shape.head_dim_k),
           &out = open.lend(single, shape.q_heads, n, shape.head_dim_v);
  for (int64_t r = 0; r < n_rows; ++r) {
    for (int64_t i = 0; i < n; ++i) {
      for (int h = 0; h < shape.q_heads; ++h) {
        const std::vector<double> x = query(layer, open, view, r, h, i, view.flags & KVERN_VIEW_RAW_Q);
        for (int d = 0; d < shape.head_dim_k; ++d) write_element(q, r, h, i, d, x[d]);
      }
    }
  }
  std::vector<float> lse(static_cast<std::size_t>(n_rows * shape.q_heads * n + 1), NAN);
  int64_t lse_shape[3] = {n_rows, shape.q_heads, n};
  DLTensor lse_tensor{lse.data(), {kDLCPU, 0}, 3, single, lse_shape, nullptr, 0};
  const bool want_lse = random(0, 1) == 1;
  kvern_attend request{};
  request.struct_size = sizeof request;
  request.layer = shape.shares_layer >= 0 ? shape.shares_layer : layer;
  request.window = shape.window;
  request.causal = 1;
  request.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.head_dim_k)));
  request.q = &q;
  request.k = k;
  request.v = v;
  request.out = &out;
  request.lse = want_lse ? &lse_tensor : nullptr;
  const kvern_status status = ops().attend(cache, &request, &error);
  if (status == KVERN_UNSUPPORTED) return false;
  expect(status == KVERN_OK, std::string("attend: ") + error.message);
  compare_attend(layer, open, out, want_lse ? lse.data() : nullptr);
  ++counts.attend;
  return true;
}

void Rig::compare_attend(int layer, const Open &open, const DLTensor &out, const float *lse) {
  const kvern_layer &shape = subject.layers[layer];
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int64_t i = 0; i < open.count[r]; ++i) {
      const int64_t column = open.pos[r] + open.fed[r].pad + i;
      for (int h = 0; h < shape.q_heads; ++h) {
        const Softmax wanted = attend_all(open.fed[r], shape, layer, h, column, subject.semantics);
        for (int d = 0; d < shape.head_dim_v; ++d) {
          const double difference = std::abs(at(out, r, h, i, d) - wanted[d]);
          expect(difference <= subject.tolerance,
                 "attend gives another result than the whole history" + place(layer, r, h, column));
          ++counts.numbers;
        }
        const double sum = wanted.log_sum_exp();
        const float given = lse ? lse[(r * shape.q_heads + h) * open.step.n_new + i] : 0;
        const bool same = !lse || (std::isinf(sum) ? std::isinf(given) && given < 0
                                                   : std::abs(given - sum) < 1e-3 + subject.tolerance);
        expect(same, "attend gives a wrong log-sum-exp" + place(layer, r, h, column));
      }
    }
  }
}

/// Shape as view promised; finite numbers everywhere, also where nobody may look.
void Rig::check_handed_out(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                           const DLTensor &v) const {
  const kvern_layer &shape = subject.layers[layer];
  const auto shaped = [&](const DLTensor &t, int64_t dim) {
    return t.ndim == 4 && t.shape[0] == open.step.rows && t.shape[1] == shape.kv_heads &&
           t.shape[2] == view.kv_len && t.shape[3] == dim && (!t.strides || t.strides[3] == 1);
  };
  expect(shaped(k, shape.head_dim_k) && shaped(v, shape.head_dim_v),
         "what update hands out has another shape than view promised" + place(layer, 0, 0, 0));
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int h = 0; h < shape.kv_heads; ++h) {
      for (int64_t j = 0; j < view.kv_len; ++j) {
        bool finite = true;
        for (int d = 0; d < shape.head_dim_k; ++d) finite &= std::isfinite(read_element(k, r, h, j, d));
        for (int d = 0; d < shape.head_dim_v; ++d) finite &= std::isfinite(read_element(v, r, h, j, d));
        expect(finite, "a slot does not hold finite numbers" + place(layer, r, h, j));
      }
    }
  }
}

/// Attention over what was handed out, at the positions that the view gives.
Softmax Rig::attend_view(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                         const DLTensor &v, int64_t r, int h, int64_t i) const {
  const kvern_layer &shape = subject.layers[layer];
  const bool cross = shape.kind == KVERN_LAYER_CROSS;
  const int key_head = h / (shape.q_heads / shape.kv_heads);
  const int64_t position = open.query_position(view, r, i);
  const std::vector<double> q = query(layer, open, view, r, h, i, false);
  Softmax result(shape.head_dim_v);
  if (open.pos[r] + i < 0) return result;
  for (int64_t j = 0; j < view.kv_len; ++j) {
    const int64_t key = key_position(view, r, key_head, j);
    const bool sees = cross ? key < open.fed[r].encoder_len
                            : key <= position && (!shape.window || key > position - shape.window);
    if (key < 0 || !sees) continue;
    double score = 0;
    for (int d = 0; d < shape.head_dim_k; ++d) score += q[d] * read_element(k, r, key_head, j, d);
    result.add(score / std::sqrt(static_cast<double>(shape.head_dim_k)),
               [&](int d) { return read_element(v, r, key_head, j, d); });
  }
  return result;
}

void Rig::compare_update(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                         const DLTensor &v) {
  const kvern_layer &shape = subject.layers[layer];
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int64_t i = 0; i < open.count[r]; ++i) {
      const int64_t column = open.pos[r] + open.fed[r].pad + i;
      for (int h = 0; h < shape.q_heads; ++h) {
        const Softmax got = attend_view(layer, open, view, k, v, r, h, i);
        const Softmax wanted = attend_all(open.fed[r], shape, layer, h, column, subject.semantics);
        for (int d = 0; d < shape.head_dim_v; ++d) {
          expect(std::abs(got[d] - wanted[d]) <= subject.tolerance,
                 "the keys and values handed out are not those of the whole history" +
                     place(layer, r, h, column));
          ++counts.numbers;
        }
      }
    }
  }
}

}  // namespace kvern::conformance
