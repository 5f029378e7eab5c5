// The verbs of a step. On success none of them allocates.
#include "core/host/cache_checks.hpp"

namespace kvern {

void Cache::begin(const kvern_step &step) {
  State &s = *state_;
  s.require_no_step("begin");
  if (step.rows <= 0 || step.n_new < 0 || !step.row_pos)
    s.misuse(KVERN_INVALID_ARGUMENT, "begin of a step with " + std::to_string(step.rows) + " rows, " +
                                         std::to_string(step.n_new) + " new tokens" +
                                         (step.row_pos ? "" : " and no row_pos"));
  kvern_step given = step;
  if (!given.stream) given.stream = s.host->queue().stream();
  s.must("begin", [&] { return s.ops().begin(s.cache, &given, &s.error); });
  s.in_step = true;
  s.failed = false;
  s.step_flags = step.flags;
  s.rows = step.rows;
  s.n_new = step.n_new;
  for (int64_t &kv_len : s.kv_len) kv_len = -1;
}

kvern_view Cache::view(int layer) {
  State &s = *state_;
  s.require_step("view");
  const uint32_t kind = s.require_layer("view", layer).kind;
  if (kind == KVERN_LAYER_STATE)
    s.misuse(KVERN_INVALID_ARGUMENT, "view of a layer that has states, not keys");
  kvern_view view{};
  view.struct_size = sizeof view;
  s.must("view", [&] { return s.ops().view(s.cache, layer, &view, &s.error); });
  check_view(s, layer, view);
  return view;
}

namespace {

/// What update returns for one layer: keys or values of [rows, kv_heads, kv_len, dim].
void check_returned(Cache::State &s, int layer, const char *what, const DLTensor &tensor, int64_t kv_len,
                    int64_t dim) {
  const int64_t shape[] = {s.rows, s.layers[layer].kv_heads, kv_len, dim};
  check_tensor(s, "update", tensor,
               {what, layer, to_dlpack(s.dtype), shape, 4, true, s.host->queue().place()});
}

}  // namespace

void Cache::update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
  State &s = *state_;
  s.require_step("update");
  const LayerSpec &spec = s.require_layer("update", layer);
  const bool values = !(spec.flags & KVERN_VALUES_IN_KEYS);
  if (spec.kind == KVERN_LAYER_STATE || (values && (!out_k != !out_v || !k != !v)))
    s.misuse(KVERN_INVALID_ARGUMENT, "update wants a layer with keys, and keys and values or neither");
  if (out_k) *out_k = {};
  if (out_v) *out_v = {};
  s.must("update", [&] { return s.ops().update(s.cache, layer, k, v, out_k, out_v, &s.error); });
  if (!out_k) return;
  // without a view in this step the number of keys is not known: then keys and values must agree on it
  const int64_t said = s.kv_len[static_cast<size_t>(layer)];
  const int64_t kv_len = said >= 0 ? said : (out_k->ndim == 4 && out_k->shape ? out_k->shape[2] : 0);
  check_returned(s, layer, "keys", *out_k, kv_len, spec.head_dim_k);
  if (values) check_returned(s, layer, "values", *out_v, kv_len, spec.head_dim_v);
}

bool Cache::attend(const kvern_attend &request) {
  State &s = *state_;
  s.require_step("attend");
  s.require_layer("attend", request.layer);
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, attend)) return false;
  const kvern_status status = s.run("attend", [&] { return s.ops().attend(s.cache, &request, &s.error); });
  if (status == KVERN_UNSUPPORTED) return false;
  if (status != KVERN_OK) s.fail("attend", status);
  return true;
}

namespace {

/// Checks a state that was returned, [rows, ...] or, to be written in a TENTATIVE step, [rows, n_new, ...].
void check_state(Cache::State &s, int layer, int slot, const char *what, const DLTensor &tensor,
                 bool by_token) {
  const LayerSpec::State &spec = s.layers[layer].states[slot];
  int64_t shape[kMaxStateDims + 2];
  int32_t ndim = 0;
  shape[ndim++] = s.rows;
  if (by_token) shape[ndim++] = s.n_new;
  for (const int64_t size : spec.shape) shape[ndim++] = size;
  check_tensor(s, "state", tensor,
               {what, layer, to_dlpack(spec.dtype), shape, ndim, false, s.host->queue().place()});
}

}  // namespace

void Cache::state(int layer, int slot, DLTensor *read, DLTensor *write) {
  State &s = *state_;
  s.require_step("state");
  const LayerSpec &spec = s.require_layer("state", layer);
  if (slot < 0 || static_cast<size_t>(slot) >= spec.states.size())
    s.misuse(KVERN_INVALID_ARGUMENT, "state " + std::to_string(slot) + " of layer " + std::to_string(layer) +
                                         ": it has " + std::to_string(spec.states.size()) + " states");
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, state)) s.not_offered("state");
  *read = *write = {};
  s.must("state", [&] { return s.ops().state(s.cache, layer, slot, read, write, &s.error); });
  check_state(s, layer, slot, "a state to read", *read, false);
  check_state(s, layer, slot, "a state to write", *write, (s.step_flags & KVERN_STEP_TENTATIVE) != 0);
  if (read->data && read->data == write->data)
    s.defect("state of layer " + std::to_string(layer) + " handed out the same memory to read and to write");
}

void Cache::end(int64_t n_keep) {
  State &s = *state_;
  if (n_keep != 0 || !s.in_step || s.lost) s.require_step("end");
  const bool partial = n_keep != 0 && n_keep != s.n_new;
  if (n_keep < 0 || n_keep > s.n_new || (partial && !(s.step_flags & KVERN_STEP_TENTATIVE)))
    s.misuse(KVERN_INVALID_ARGUMENT, "end(" + std::to_string(n_keep) + ") of a step of " +
                                         std::to_string(s.n_new) +
                                         " new tokens; only a tentative step may keep a part of them");
  const kvern_status status = s.run("end", [&] { return s.ops().end(s.cache, n_keep, &s.error); });
  s.in_step = s.failed = false;
  if (status == KVERN_OK) return;
  s.lost = true;  // the contract has no end that fails and leaves a cache behind
  s.fail("end", status);
}

void Cache::end_rows(const std::vector<int64_t> &row_keep) {
  State &s = *state_;
  s.require_step("end_rows");
  if (!KVERN_HAS(&s.ops(), kvern_cache_ops, end_rows)) s.not_offered("end_rows");
  if (static_cast<int64_t>(row_keep.size()) != s.rows || !(s.step_flags & KVERN_STEP_TENTATIVE))
    s.misuse(KVERN_INVALID_ARGUMENT, "end_rows wants a tentative step and a number for each of its rows");
  for (const int64_t keep : row_keep)
    if (keep < 0 || keep > s.n_new)
      s.misuse(KVERN_INVALID_ARGUMENT,
               "end_rows to keep " + std::to_string(keep) + " of " + std::to_string(s.n_new) + " new tokens");
  const kvern_status status =
      s.run("end_rows", [&] { return s.ops().end_rows(s.cache, row_keep.data(), &s.error); });
  if (status == KVERN_UNSUPPORTED) s.fail("end_rows", status);  // no side effect: the step stays open
  s.in_step = s.failed = false;
  if (status == KVERN_OK) return;
  s.lost = true;
  s.fail("end_rows", status);
}

bool Cache::in_step() const { return state_->in_step && !state_->lost; }

bool Cache::lost() const { return state_->lost; }

}  // namespace kvern
