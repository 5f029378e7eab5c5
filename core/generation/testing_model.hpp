// A toy model for tests of the loop: one attention layer over numbers made from ids, so that every token depends on all before
// it and on their positions. Says when it was asked what.
#pragma once
#include <cmath>
#include <kvern/finite.hpp>
#include <kvern/model.hpp>
#include <kvern/step.hpp>
#include <vector>

#include "core/torch/tensor.hpp"
#include "core/torch/torch.hpp"

namespace kvern::test {

class ToyModel : public Model {
 public:
  static constexpr int64_t kVocab = 23, kDim = 16;

  explicit ToyModel(int64_t max_positions = 0) : rope_(rope_config()) {
    info_.model_type = "toy";
    info_.vocab_size = kVocab;
    info_.max_positions = max_positions;
    LayerSpec layer;
    layer.q_heads = layer.kv_heads = 1;
    layer.head_dim_k = layer.head_dim_v = kDim;
    layers_.push_back(layer);
    table_ = at::empty({3, kVocab, kDim});
    auto *x = table_.data_ptr<float>();
    for (int64_t i = 0; i < table_.numel(); ++i) x[i] = std::sin(1.7f * static_cast<float>(i * i % 1009));
  }

  const ModelInfo &info() const override { return info_; }
  const std::vector<LayerSpec> &layers() const override { return layers_; }

  Output forward(Step &step, const Input &input) const override {
    fed.push_back(input.ids.size(1));
    const auto embedded = table_[0].index_select(0, input.ids.flatten());
    if (input.locate_non_finite)
      require_finite(step.queue(), embedded.data_ptr<float>(), embedded.size(0), kDim, kDim, "the embedding");
    const auto numbers = [&](int64_t which) {
      return table_[which]
          .index_select(0, input.ids.flatten())
          .view({input.ids.size(0), 1, input.ids.size(1), kDim});
    };
    AttentionSpec spec;
    spec.rope = &rope_;
    const auto q = numbers(0), k = numbers(1), v = numbers(2), attended = at::empty_like(q);
    step.attend(0, heads_view(q), heads_view(k), heads_view(v), spec, heads_view(attended));
    const auto hidden = (attended + numbers(0)).squeeze(1);
    if (input.logits == Input::Logits::none) return {{}, hidden};
    const auto of = input.logits == Input::Logits::last ? hidden.slice(1, -1) : hidden;
    return {of.matmul(table_[1].t()), hidden};
  }

  int64_t rope_version(int64_t total_length) const override {
    return rope_version_change > 0 && total_length > rope_version_change;
  }
  void offer_extensions(Host &) const override {}

  /// Writes a value into the embedding of a token.
  void spoil(int64_t id, float value) { table_.data_ptr<float>()[id * kDim] = value; }

  mutable std::vector<int64_t> fed;  ///< tokens of each forward pass
  int64_t rope_version_change = 0;   ///< a length beyond which keys must be made anew

 private:
  static RopeConfig rope_config() {
    RopeConfig c;
    c.rotary_dim = kDim;
    return c;
  }
  ModelInfo info_;
  std::vector<LayerSpec> layers_;
  Rope rope_;
  at::Tensor table_;  // [3, V, D]
};

}  // namespace kvern::test
