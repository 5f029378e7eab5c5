// Proves recurrent states: read and written in different memory, so that a step can be taken back, and one per new token in a
// tentative step, so that a part of it can be kept.
#include <kvern/sdk/plugin.hpp>

#include <cstring>
#include <kvern/sdk/buffer.hpp>

namespace {
using namespace kvern::sdk;

class TinyState {
 public:
  static constexpr const char *name = "tiny_state", *version = "0",
                              *summary = "keeps one state of every recurrent layer";

  explicit TinyState(const Create &create) : host_(create.host) {
    for (const Layer &layer : create.layers) {
      size_.push_back(layer.kind == KVERN_LAYER_STATE ? layer.states[0].elements() : 0);
    }
    held_.resize(size_.size());
    coming_.resize(size_.size());
  }

  void begin(const Step &step) {
    if (rows_ > 0 && rows_ != step.rows) fail(KVERN_INVALID_ARGUMENT, "other rows than held");
    std::vector<Buffer> held = make(rows_ > 0 ? 0 : step.rows, 1),
                        coming = make(step.rows, step.tentative() ? step.n_new : 1);
    for (std::size_t i = 0; i < size_.size(); ++i) {
      if (held[i]) std::memset(held[i].fill({0, 0, step.rows}), 0, static_cast<std::size_t>(held[i].bytes()));
      if (held[i]) held_[i] = std::move(held[i]);
    }
    coming_ = std::move(coming);
    step_ = &step;
  }
  void view(int, kvern_view &) { fail(KVERN_UNSUPPORTED, "there are no keys"); }
  void update(int, const DLTensor *, const DLTensor *, DLTensor *, DLTensor *) {
    fail(KVERN_UNSUPPORTED, "there are no keys");
  }
  void state(int layer, int, DLTensor *read, DLTensor *write) {
    shape_ = {step_->rows, size_[layer], 0, step_->rows, step_->n_new, size_[layer]};
    if (!step_->tentative()) shape_[4] = size_[layer];
    float *from = reinterpret_cast<float *>(const_cast<std::byte *>(held_[layer].read()));
    float *to = reinterpret_cast<float *>(coming_[layer].fill({0, 0, step_->rows}));
    *read = {from, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape_.data(), nullptr, 0};
    *write = {to, {kDLCPU, 0}, step_->tentative() ? 3 : 2, {kDLFloat, 32, 1}, shape_.data() + 3, nullptr, 0};
  }
  void end(int64_t n) {
    close([n](int64_t) { return n; });
  }
  void end_rows(Rows keep) {
    close([keep](int64_t row) { return keep[row]; });
  }
  void reset() {
    rows_ = 0;
    held_ = make(0, 1);
  }
  void info(int layer, kvern_info &info) const {
    info.rows = rows_;
    info.capacity = info.max_new = info.bytes_used = -1;
    for (int i = 0; i < std::ssize(held_); ++i) {
      if (layer < 0 || layer == i) info.bytes_device += held_[i].bytes() + coming_[i].bytes();
    }
  }

 private:
  std::vector<Buffer> make(int64_t rows, int64_t tokens) {
    std::vector<Buffer> buffers(size_.size());
    for (std::size_t i = 0; i < size_.size() && rows > 0; ++i) {
      if (size_[i] > 0)
        buffers[i] = Buffer(host_, static_cast<int>(i), {kDLFloat, 32, 1}, {rows, tokens, size_[i]});
    }
    return buffers;
  }
  template <class Keep>
  void close(Keep keep) {
    const int64_t tokens = step_->tentative() ? step_->n_new : 1;
    for (std::size_t i = 0; i < size_.size(); ++i) {
      for (int64_t row = 0; row < step_->rows && size_[i] > 0; ++row) {
        const int64_t kept = std::min(keep(row), step_->row_new[row]),
                      last = step_->tentative() ? kept - 1 : 0;
        const int64_t bytes = size_[i] * 4;
        if (kept > 0)
          std::memcpy(held_[i].write({0, row, row + 1}) + row * bytes,
                      coming_[i].read() + (row * tokens + last) * bytes, bytes);
        if (kept > 0) rows_ = step_->rows;
      }
    }
    coming_ = make(0, 1);
  }

  Host host_;
  std::vector<int64_t> size_;
  std::vector<Buffer> held_, coming_;
  std::array<int64_t, 6> shape_{};
  int64_t rows_ = 0;
  const Step *step_ = nullptr;
};
}  // namespace
KVERN_PLUGIN(TinyState)
