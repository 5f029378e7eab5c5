// The checks between the binary table and a cache class: order of calls, layer numbers, tensor shapes. Independent of the class.
#pragma once
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/step.hpp>

KVERN_SDK_BEGIN

/// The part of an instance that does not depend on its class.
class InstanceBase {
 public:
  InstanceBase(const Create &create)
      : host(create.host),
        layers(create.layers),
        type(create.type),
        stream(create.stream),
        stored_(layers.size()) {}

  Host host;
  Layers layers;
  DLDataType type;
  void *stream;  ///< of the last begin, or of create
  Step step;

  bool in_step() const { return phase_ == Phase::step || phase_ == Phase::failed; }
  bool lost() const { return phase_ == Phase::lost; }

  void require_between_steps(const char *verb) const {
    require_alive(verb);
    if (phase_ != Phase::idle)
      fail(KVERN_WRONG_STATE, verb, " inside a step: it is called between end and begin");
  }

  void require_step(const char *verb) const {
    require_alive(verb);
    if (phase_ == Phase::idle) fail(KVERN_WRONG_STATE, verb, " outside a step: begin comes first");
    if (phase_ == Phase::failed) {
      fail(KVERN_WRONG_STATE, verb, " after a call of this step has failed: only end(0) may follow");
    }
  }

  void require_end(int64_t n_keep) const {
    require_alive("end");
    if (phase_ == Phase::idle) fail(KVERN_WRONG_STATE, "end outside a step: begin comes first");
    if (phase_ == Phase::failed && n_keep != 0) {
      fail(KVERN_WRONG_STATE, "end(", n_keep,
           ") after a call of this step has failed: only end(0) may follow");
    }
    if (n_keep < 0 || n_keep > step.n_new) {
      fail(KVERN_INVALID_ARGUMENT, "end(", n_keep, ") of a step with ", step.n_new, " new tokens");
    }
    if (n_keep > 0 && n_keep < step.n_new && !step.tentative()) {
      fail(KVERN_INVALID_ARGUMENT, "end(", n_keep, ") of a step with ", step.n_new,
           " new tokens: a part can be kept only of a step begun as TENTATIVE");
    }
  }

  void require_end_rows(const int64_t *row_keep) const {
    require_step("end_rows");
    if (!step.tentative()) fail(KVERN_INVALID_ARGUMENT, "end_rows closes steps that were begun as TENTATIVE");
    for (int64_t row = 0; row < step.rows; ++row) {
      if (row_keep[row] >= 0 && row_keep[row] <= step.row_new[row]) continue;
      fail(KVERN_INVALID_ARGUMENT, "end_rows keeps ", row_keep[row], " of ", step.row_new[row],
           " new tokens of row ", row);
    }
  }

  /// A layer that is this cache's, and of the right kind.
  const Layer &keys_layer(const char *verb, int32_t number) const {
    const Layer &layer = own_layer(verb, number);
    if (!layer.holds_keys())
      fail(KVERN_INVALID_ARGUMENT, verb, " names layer ", number, ", which has states and no keys");
    return layer;
  }
  void require_state(int32_t number, int32_t slot) const {
    const Layer &layer = own_layer("state", number);
    if (layer.kind == KVERN_LAYER_STATE && slot >= 0 && slot < static_cast<int32_t>(layer.states.size()))
      return;
    fail(KVERN_INVALID_ARGUMENT, "layer ", number, " has no state ", slot);
  }

  /// k and v of update and attend: given together, of the step's shape, once per layer; or not at all, once
  /// they are there.
  void require_keys(const char *verb, int32_t number, const DLTensor *k, const DLTensor *v) const {
    const Layer &layer = keys_layer(verb, number);
    const bool cross = layer.kind == KVERN_LAYER_CROSS;
    const int64_t expected = cross ? step.n_cross : step.n_new;
    if (!k) {
      if (v) fail(KVERN_INVALID_ARGUMENT, verb, " of layer ", number, " has values but no keys");
      if (expected > 0 && !stored_[number]) {
        fail(KVERN_WRONG_STATE, verb, " reads layer ", number, " before its keys of this step were stored");
      }
      return;
    }
    if (stored_[number])
      fail(KVERN_WRONG_STATE, verb, " stores keys of layer ", number, " twice in one step");
    if (cross && expected == 0) {
      fail(KVERN_INVALID_ARGUMENT, verb, " brings keys of cross layer ", number,
           " in a step with n_cross = 0");
    }
    if ((v == nullptr) != layer.values_in_keys()) {
      fail(KVERN_INVALID_ARGUMENT, verb, " of layer ", number,
           v ? " brings values, which lie in the keys" : " has no values");
    }
    require_shape(verb, number, "keys", *k, layer.kv_heads, expected, layer.head_dim_k);
    if (!v) return;
    require_shape(verb, number, "values", *v, layer.kv_heads, expected, layer.head_dim_v);
    if (v->shape[2] != k->shape[2])
      fail(KVERN_INVALID_ARGUMENT, verb, " of layer ", number, ": keys and values differ in length");
  }
  void keys_stored(int32_t number) { stored_[number] = 1; }

  void open() {
    std::fill(stored_.begin(), stored_.end(), char{0});
    phase_ = Phase::step;
  }
  void close() { phase_ = Phase::idle; }

  /// State after a failed call: UNSUPPORTED has no side effect; otherwise the rest of the step is lost, or the cache.
  void failed(kvern_status status) {
    if (status == KVERN_DEVICE_ERROR || status == KVERN_INTERNAL) {
      phase_ = Phase::lost;
    } else if (phase_ == Phase::step && status != KVERN_UNSUPPORTED && status != KVERN_WRONG_STATE) {
      phase_ = Phase::failed;
    }
  }

 private:
  enum class Phase { idle, step, failed, lost };

  void require_alive(const char *verb) const {
    if (phase_ == Phase::lost)
      fail(KVERN_WRONG_STATE, verb, " on a cache that is lost after a defect: only destroy may follow");
  }

  const Layer &own_layer(const char *verb, int32_t number) const {
    if (number < 0 || number >= static_cast<int32_t>(layers.size())) {
      fail(KVERN_INVALID_ARGUMENT, verb, " names layer ", number, " of ", layers.size());
    }
    if (layers[number].kind == KVERN_LAYER_NONE) {
      fail(KVERN_INVALID_ARGUMENT, verb, " names layer ", number, ", which is not this cache's");
    }
    return layers[number];
  }

  void require_shape(const char *verb, int32_t number, const char *what, const DLTensor &tensor,
                     int64_t heads, int64_t length, int64_t dim) const {
    const int64_t *shape = tensor.shape;
    const bool fits = tensor.ndim == 4 && shape[0] == step.rows && shape[1] == heads && shape[3] == dim &&
                      (shape[2] == length || (step.import() && shape[2] >= 0 && shape[2] < length));
    if (!fits) {
      fail(KVERN_INVALID_ARGUMENT, verb, " of layer ", number, ": ", what, " are not [", step.rows, ", ",
           heads, ", ", length, ", ", dim, "]");
    }
    if (!same_type(tensor.dtype, type)) {
      fail(KVERN_INVALID_ARGUMENT, verb, " of layer ", number, ": ", what,
           " have another type than the cache was made for");
    }
    if (stride_of(tensor, 3) != 1) {
      fail(KVERN_INVALID_ARGUMENT, verb, " of layer ", number, ": the last stride of the ", what,
           " must be 1");
    }
  }

  std::vector<char> stored_;
  Phase phase_ = Phase::idle;
};

KVERN_SDK_END
