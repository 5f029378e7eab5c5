// A decoder-only transformer put together from its description: the one Model of all families here.
#pragma once
#include <kvern/model.hpp>
#include <memory>
#include <vector>

#include "runtime/models/block.hpp"
#include "runtime/models/decoder_config.hpp"
#include "runtime/models/rope_extension.hpp"
#include "runtime/models/weight_reader.hpp"

namespace kvern::models {

class Decoder : public Model {
 public:
  /// Reads all weights; throws what WeightReader::read throws.
  Decoder(const DecoderDescription &description, WeightReader reader);

  const ModelInfo &info() const override { return info_; }
  const std::vector<LayerSpec> &layers() const override { return layers_; }
  /// Throws Error(input) for an id outside of the vocabulary or a position beyond the table of learned ones.
  Output forward(Step &step, const Input &input) const override;
  int64_t rope_version(int64_t total_length) const override;
  void offer_extensions(Host &host) const override;

 private:
  void check(const Step &step, const Input &input) const;
  void embed(Step &step, const int64_t *ids, const Workspace &work) const;
  at::Tensor logits(const Rows &normed, Queue &queue) const;
  Output output(const Input &input, const Workspace &work, Queue &queue) const;

  DecoderConfig config_;
  ModelInfo info_;
  std::vector<LayerSpec> layers_;
  Weight embedding_;  // [vocab_size, hidden_size]
  Weight positions_;  // [learned_positions, hidden_size], or empty
  std::vector<Block> blocks_;
  NormWeights final_norm_;
  Matrix head_;
  std::unique_ptr<Rope> rope_;
  std::unique_ptr<RopeExtension> rope_extension_;
};

}  // namespace kvern::models
