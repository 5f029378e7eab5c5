// One forward pass through a cache: what the host calls, in its order. The results are compared in harness_compare.cpp.
#include <functional>
#include <numeric>

#include "check/harness_open.hpp"

namespace kvern::conformance {
namespace {

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

int64_t elements_of(const DLTensor &tensor) {
  return std::accumulate(tensor.shape, tensor.shape + tensor.ndim, int64_t{1}, std::multiplies<>());
}

}  // namespace

Outcome CacheHarness::step(const StepPlan &plan) {
  Open open;
  const auto n_rows = static_cast<int64_t>(rows.size());
  open.fed = rows;
  for (int64_t r = 0; r < n_rows; ++r) {
    for (int64_t i = 0; i < plan.new_tokens[r]; ++i)
      open.fed[r].tokens.push_back(static_cast<uint32_t>(engine_()));
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
  open.step.stream = host.stream();
  for (const Row &row : rows) open.row_cross.push_back(row.encoder_len);
  if (plan.n_cross > 0 && subject.row_cross) {
    open.step.flags = KVERN_STEP_ROW_CROSS;
    open.step.row_cross = open.row_cross.data();
  }
  const bool part = !plan.row_keep.empty() || (plan.keep > 0 && plan.keep < open.step.n_new);
  if (part && !subject.recompute) open.step.flags |= KVERN_STEP_TENTATIVE;
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

/// Anything but done: the step is to be aborted.
Outcome CacheHarness::run_layers(const StepPlan &plan, Open &open) {
  for (int layer = 0; layer < static_cast<int>(subject.layers.size()); ++layer) {
    open.give_back(kept_, subject.poison);
    if (layer == plan.abort_at_layer) return Outcome::done;
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

void CacheHarness::finish(const StepPlan &plan, Open &open, const std::vector<Row> &before) {
  leave();
  const bool aborted = plan.abort_at_layer >= 0;
  kvern_status status;
  if (!plan.row_keep.empty() && !aborted && !subject.recompute) {
    status = ops().end_rows(cache, plan.row_keep.data(), &error);
  } else {
    const bool all = plan.keep == StepPlan::kAll || subject.recompute;
    status = ops().end(cache, aborted ? 0 : all ? open.step.n_new : plan.keep, &error);
  }
  leave();
  expect(status == KVERN_OK, std::string("end: ") + error.message);
  open.give_back(kept_, subject.poison);
  if (host.device() && random(0, 2) == 0) settle();
  rows = before;
  for (std::size_t r = 0; r < rows.size() && !aborted; ++r) {
    int64_t kept = plan.new_tokens[r];
    if (!plan.row_keep.empty()) {
      kept = plan.row_keep[r];
    } else if (plan.keep != StepPlan::kAll) {
      kept = std::min(kept, plan.keep);
    }
    rows[r].tokens = open.fed[r].tokens;
    rows[r].tokens.resize(before[r].tokens.size() + static_cast<std::size_t>(kept));
  }
}

Outcome CacheHarness::step_or_single(const StepPlan &plan) {
  const Outcome outcome = step(plan);
  if (outcome != Outcome::smaller_steps) return outcome;
  if (plan.keep == 0) return Outcome::done;  // nothing was to be kept, and nothing is
  const int64_t most = *std::max_element(plan.new_tokens.begin(), plan.new_tokens.end());
  for (int64_t i = 0; i < most; ++i) {
    StepPlan single;
    for (int64_t count : plan.new_tokens) single.new_tokens.push_back(i < count ? 1 : 0);
    single.n_cross = i == 0 ? plan.n_cross : 0;
    const Outcome one = step(single);
    if (one != Outcome::done) return one;
  }
  return Outcome::done;
}

void CacheHarness::state_layer_step(int layer, Open &open) {
  DLTensor read, write;
  const kvern_status status = ops().state(cache, layer, 0, &read, &write, &error);
  expect(status == KVERN_OK, std::string("state: ") + error.message);
  const bool tentative = (open.step.flags & KVERN_STEP_TENTATIVE) != 0;
  expect(write.ndim == (tentative ? 3 : 2),
         "a state to be written has " + std::to_string(write.ndim) + " axes");
  const std::vector<float> old = states_on_host(read);
  const bool on_device = host.device() != nullptr;
  std::vector<float> written(static_cast<std::size_t>(on_device ? elements_of(write) : 0));
  float *fresh = on_device ? written.data() : static_cast<float *>(write.data);
  for (int64_t r = 0; r < open.step.rows; ++r) {
    std::vector<double> state(old.begin() + r * kStateDim, old.begin() + (r + 1) * kStateDim);
    for (int64_t i = 0; i < open.step.n_new; ++i) {
      const bool real = i < open.count[r] && open.pos[r] + i >= 0;
      for (int d = 0; d < kStateDim; ++d) {
        if (real)
          state[d] =
              static_cast<float>(0.8 * state[d] + test_value(open.token(r, i), layer, Kind::state, 0, d));
        if (tentative) fresh[(r * open.step.n_new + i) * kStateDim + d] = static_cast<float>(state[d]);
      }
    }
    const std::vector<double> wanted =
        state_after(open.fed[r], layer, static_cast<int64_t>(open.fed[r].tokens.size()), kStateDim);
    for (int d = 0; d < kStateDim; ++d) {
      if (!tentative) fresh[r * kStateDim + d] = static_cast<float>(state[d]);
      expect(std::abs(wanted[d] - state[d]) < 1e-5, "a recurrent state is wrong", Place{layer, r, 0, 0});
      ++counts.elements;
    }
  }
  if (on_device) to_device(written, write);
  ++counts.state;
}

std::vector<float> CacheHarness::states_on_host(const DLTensor &states) const {
  std::vector<float> got(static_cast<std::size_t>(elements_of(states)));
  if (!host.device()) {
    std::memcpy(got.data(), states.data, got.size() * sizeof(float));
    return got;
  }
  DLTensor to = states;
  to.data = got.data();
  to.device = {kDLCPU, 0};
  host.device()->download(states, to);
  host.device()->finish();
  return got;
}

void CacheHarness::to_device(std::vector<float> &from, DLTensor &to) {
  DLTensor source = to;
  source.data = from.data();
  source.device = {kDLCPU, 0};
  const kvern_device_1 &table = *host.device()->table();
  expect(table.copy(table.ctx, &source, &to, host.stream(), &error) == KVERN_OK, error.message);
}

/// Keys and values of the new tokens, rotated unless the view requires them raw. Filler columns of ragged rows are NaN.
void CacheHarness::fill_keys(int owner, const Open &open, const kvern_view &view, const DLTensor &k,
                             const DLTensor &v) const {
  const kvern_layer &shape = subject.layers[owner];
  const bool cross = shape.kind == KVERN_LAYER_CROSS;
  std::vector<double> x(static_cast<std::size_t>(shape.head_dim_k));
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int64_t i = 0; i < k.shape[2]; ++i) {
      const bool filler = cross ? subject.row_cross && i >= rows[r].encoder_len : i >= open.count[r];
      const uint32_t token = cross ? rows[r].encoder + static_cast<uint32_t>(i) : open.token(r, i);
      for (int h = 0; h < shape.kv_heads; ++h) {
        for (int d = 0; d < shape.head_dim_k; ++d) x[d] = test_value(token, owner, Kind::key, h, d);
        if (!cross && !(view.flags & KVERN_VIEW_RAW_K))
          rotate(shape, owner, x.data(), open.query_position(view, r, i));
        for (int d = 0; d < shape.head_dim_k; ++d) write_element(k, r, h, i, d, filler ? NAN : x[d]);
        for (int d = 0; d < shape.head_dim_v; ++d) {
          write_element(v, r, h, i, d, filler ? NAN : test_value(token, owner, Kind::value, h, d));
        }
      }
    }
  }
}

/// Anything but done: the step is to be aborted.
Outcome CacheHarness::keys_layer_step(int layer, const StepPlan &plan, Open &open) {
  const kvern_layer &shape = subject.layers[layer];
  const bool cross = shape.kind == KVERN_LAYER_CROSS, shared = shape.shares_layer >= 0;
  const int owner = shared ? shape.shares_layer : layer;
  const int64_t length = cross ? open.step.n_cross : open.step.n_new;
  const kvern_view view = get_view(owner);
  DLTensor &k = open.borrow(subject.type, shape.kv_heads, length, shape.head_dim_k);
  DLTensor &v = open.borrow(subject.type, shape.kv_heads, length, shape.head_dim_v);
  fill_keys(owner, open, view, k, v);
  const DLTensor *new_k = shared || length == 0 ? nullptr : &k;
  const DLTensor *new_v = (shape.flags & KVERN_VALUES_IN_KEYS) || !new_k ? nullptr : &v;
  const bool attend =
      plan.path == StepPlan::Path::attend || (plan.path == StepPlan::Path::either && random(0, 1));
  if (host.device()) {  // the given ones are gone when another layer is named
    for (const DLTensor **given : {&new_k, &new_v})
      if (*given) *given = &open.uploaded.emplace_back(*host.device(), **given).dl;
  }
  // on a device: keys that are taken at the cache's word would have to be read back at once
  const bool comparable = !host.device() || (!subject.own_word && length > 0);
  if (attend && ops().attend && comparable && try_attend(layer, open, view, new_k, new_v))
    return Outcome::done;
  DLTensor out_k, out_v;
  const kvern_status status = ops().update(cache, owner, new_k, new_v, &out_k, &out_v, &error);
  if (status == KVERN_UNSUPPORTED) return Outcome::smaller_steps;
  // a cache with its own attention may have to unpack what it exports
  if (status == KVERN_OUT_OF_MEMORY && ops().attend) return Outcome::no_memory;
  expect(status == KVERN_OK, std::string("update: ") + error.message);
  const std::vector<int64_t> said = all_positions(view, open.step.rows, shape.kv_heads, open.step.n_new);
  const kvern_view again = get_view(owner);
  expect(said == all_positions(again, open.step.rows, shape.kv_heads, open.step.n_new),
         "view differs before and after update", Place{layer, 0, 0, 0}, kSameView);
  compare_exported(layer, open, again, out_k, out_v);
  ++counts.update;
  return Outcome::done;
}

kvern_view CacheHarness::get_view(int layer) const {
  kvern_view view{};
  view.struct_size = sizeof view;
  const kvern_status status = ops().view(cache, layer, &view, &error);
  expect(status == KVERN_OK, std::string("view: ") + error.message);
  expect(view.kv_len == 0 || (view.kv_len > 0 && (view.first_pos || view.key_pos)),
         "view reports " + std::to_string(view.kv_len) + " keys without their positions", kSameView);
  return view;
}

/// False if the cache leaves this request to the host.
bool CacheHarness::try_attend(int layer, Open &open, const kvern_view &view, const DLTensor *k,
                              const DLTensor *v) {
  const kvern_layer &shape = subject.layers[layer];
  const int64_t n_rows = open.step.rows, n = open.step.n_new;
  const DLDataType single{kDLFloat, 32, 1};
  DLTensor &q = open.borrow(single, shape.q_heads, n, shape.head_dim_k),
           &out = open.borrow(single, shape.q_heads, n, shape.head_dim_v);
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
  DLTensor *given_q = &q, *given_out = &out, *given_lse = &lse_tensor;
  for (DLTensor **given : {&given_q, &given_out, &given_lse})
    if (host.device()) *given = &open.uploaded.emplace_back(*host.device(), **given).dl;
  const bool want_lse = random(0, 1) == 1;
  kvern_attend request{};
  request.struct_size = sizeof request;
  request.layer = shape.shares_layer >= 0 ? shape.shares_layer : layer;
  request.window = shape.window;
  request.causal = shape.kind != KVERN_LAYER_CROSS;
  request.scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.head_dim_k)));
  request.q = given_q;
  request.k = k;
  request.v = v;
  request.out = given_out;
  request.lse = want_lse ? given_lse : nullptr;
  const kvern_status status = ops().attend(cache, &request, &error);
  if (status == KVERN_UNSUPPORTED) return false;
  expect(status == KVERN_OK, std::string("attend: ") + error.message);
  if (host.device())
    download_attended(layer, open, view, *given_out, request.lse);
  else
    compare_attend(layer, open, view, out, want_lse ? lse.data() : nullptr);
  ++counts.attend;
  return true;
}

}  // namespace kvern::conformance
