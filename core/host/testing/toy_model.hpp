// A model for the toy cache: one attention layer, and steps whose keys say which token they are of.
#pragma once
#include <kvern/cache.hpp>

#include <vector>

#include "core/host/testing/toy_cache.hpp"

namespace kvern::testing {

constexpr int64_t kHeads = 2, kDim = 4;

inline LayerSpec attention_layer() {
  LayerSpec layer;
  layer.q_heads = layer.kv_heads = kHeads;
  layer.head_dim_k = layer.head_dim_v = kDim;
  return layer;
}

/// An honest toy for the length of a test, with a host of its own.
struct Toy {
  std::shared_ptr<Host> host;
  explicit Toy(HostOptions options = {}) : host(std::make_shared<Host>(std::move(options))) {
    toy::restore("toy");
  }
  ~Toy() { toy::restore("toy"); }
  Cache create(OptionTable options = {}) const {
    CacheSpec spec;
    spec.layers = {attention_layer()};
    spec.options = std::move(options);
    return Cache::create(host, toy::plugin, spec);
  }
};

/// A step of rows that all continue at `pos`.
class StepOf {
 public:
  StepOf(int64_t rows, int64_t pos, int64_t n_new, uint32_t flags = 0)
      : row_pos_(static_cast<size_t>(rows), pos) {
    step_.struct_size = sizeof step_;
    step_.flags = flags;
    step_.rows = rows;
    step_.n_new = n_new;
    step_.row_pos = row_pos_.data();
  }
  const kvern_step &get() const { return step_; }

 private:
  std::vector<int64_t> row_pos_;
  kvern_step step_{};
};

/// A contiguous float32 tensor [rows, kHeads, n, kDim].
class Tensor {
 public:
  Tensor(int64_t rows, int64_t n)
      : shape_{rows, kHeads, n, kDim}, strides_{kHeads * n * kDim, n * kDim, kDim, 1} {
    data_.resize(static_cast<size_t>(rows * kHeads * n * kDim));
    tensor_ = {data_.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1}, shape_, strides_, 0};
  }
  Tensor(const Tensor &) = delete;
  DLTensor *get() { return &tensor_; }
  float &at(int64_t r, int64_t h, int64_t t, int64_t d) {
    return data_[static_cast<size_t>(r * strides_[0] + h * strides_[1] + t * strides_[2] + d)];
  }

 private:
  std::vector<float> data_;
  int64_t shape_[4], strides_[4];
  DLTensor tensor_;
};

inline float at(const DLTensor &t, int64_t r, int64_t h, int64_t i, int64_t d) {
  return static_cast<const float *>(t.data)[r * t.strides[0] + h * t.strides[1] + i * t.strides[2] + d];
}

/// The number that stands in the keys of a token at `pos` in a row.
inline float key(int64_t row, int64_t pos) { return static_cast<float>(100 * row + pos + 1); }

/// One committed step of n new tokens in the layer 0 of every row.
inline void feed(Cache &cache, int64_t pos, int64_t n, int64_t rows = 1) {
  Tensor k(rows, n), v(rows, n);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t t = 0; t < n; ++t)
        for (int64_t d = 0; d < kDim; ++d) k.at(r, h, t, d) = v.at(r, h, t, d) = key(r, pos + t);
  const StepOf step(rows, pos, n);
  cache.begin(step.get());
  cache.view(0);
  cache.update(0, k.get(), v.get(), nullptr, nullptr);
  cache.end(n);
}

}  // namespace kvern::testing
