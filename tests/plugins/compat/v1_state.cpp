// Proves recurrent states: read and written in different memory, so that a step can be taken back, and one per new token in a
// tentative step, so that a part of it can be kept.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/state_tensor.hpp>

namespace {
using namespace kvern::sdk;

class V1State {
 public:
  static constexpr const char *name = "v1_state", *version = "0", *summary = "keeps recurrent states";

  explicit V1State(const Create &create)
      : host_(create.host), layers_(create.layers), held_(layers_.size()), coming_(layers_.size()) {}

  void begin(const Step &step) {
    if (rows_ > 0 && rows_ != step.rows) fail(KVERN_INVALID_ARGUMENT, "other rows than held");
    States coming = make(step.rows, step.tentative() ? step.n_new : 0);
    if (rows_ == 0) {
      States held = make(step.rows, 0);
      for (StateTensor &state : held) state.clear();
      held_ = std::move(held);
    }
    coming_ = std::move(coming);
    step_ = &step;
  }
  void view(int, kvern_view &) { fail(KVERN_UNSUPPORTED, "there are no keys"); }
  void update(int, const DLTensor *, const DLTensor *, DLTensor *, DLTensor *) {
    fail(KVERN_UNSUPPORTED, "there are no keys");
  }
  void state(int layer, int, DLTensor *read, DLTensor *write) {
    held_[layer].hand_out(read, false);
    coming_[layer].hand_out(write, true);
  }
  void end(int64_t n) {
    close([n](int64_t) { return n; });
  }
  void end_rows(Rows keep) {
    close([keep](int64_t row) { return keep[row]; });
  }
  void reset() {
    rows_ = 0;
    held_ = States(layers_.size());
  }
  void info(int layer, kvern_info &info) const {
    info.rows = rows_;
    info.capacity = info.max_new = info.bytes_used = -1;
    for (int i = 0; i < std::ssize(held_); ++i)
      if (layer < 0 || layer == i) info.bytes_device += held_[i].bytes() + coming_[i].bytes();
  }

 private:
  using States = std::vector<StateTensor>;

  States make(int64_t rows, int64_t tokens) const {
    States states(layers_.size());
    for (int i = 0; i < std::ssize(states); ++i)
      if (layers_[i].kind == KVERN_LAYER_STATE)
        states[i] = StateTensor(host_, i, layers_[i].states[0], rows, tokens);
    return states;
  }
  template <class Keep>
  void close(Keep keep) {
    for (int64_t row = 0; row < step_->rows; ++row) {
      const int64_t kept = std::min(keep(row), step_->row_new[row]);
      if (kept == 0) continue;
      rows_ = step_->rows;
      for (std::size_t i = 0; i < held_.size(); ++i) held_[i].take(row, coming_[i], kept - 1);
    }
    coming_ = States(layers_.size());
  }

  Host host_;
  Layers layers_;
  States held_, coming_;
  int64_t rows_ = 0;
  const Step *step_ = nullptr;
};
}  // namespace
KVERN_PLUGIN(V1State)
