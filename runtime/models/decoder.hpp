// A decoder made of sublayers, with an encoder before it or none: the one Model of all families here.
#pragma once
#include <kvern/model.hpp>
#include <memory>
#include <vector>

#include "runtime/models/encoder.hpp"
#include "runtime/models/layers/embedding.hpp"
#include "runtime/models/layers/head.hpp"
#include "runtime/models/layers/sublayer.hpp"
#include "runtime/models/rope_extension.hpp"

namespace kvern::models {

/// Run in order. Attention and MLP, as a rule.
using Block = std::vector<std::unique_ptr<Sublayer>>;

class Decoder : public Model {
 public:
  struct Parts {
    ModelInfo info;
    Embedding embedding;
    std::vector<Block> blocks;
    Head head;
    std::unique_ptr<const Encoder> encoder = {};  ///< or nullptr
    Queue *queue = &cpu_queue();                  ///< where the weights are
  };

  explicit Decoder(Parts parts);

  const ModelInfo &info() const override { return parts_.info; }
  Queue &queue() const override { return *parts_.queue; }
  const std::vector<LayerSpec> &layers() const override { return layers_; }
  std::vector<std::string> feed_forward() const override;
  Encoded encode(const EncoderInput &input) const override;
  /// Throws Error(input) for an id outside of the vocabulary or a position beyond the table of learned ones.
  Output forward(Step &step, const Input &input) const override;
  int64_t rope_version(int64_t total_length) const override;
  void offer_extensions(Host &host) const override;

 private:
  void run_blocks(Activations &x, Step &step, const Input &input) const;
  Output output(const Input &input, const Activations &x, Queue &queue) const;

  struct Placed {
    const Sublayer *sublayer;
    size_t block;
    int layer;  // of the cache, if it has one
  };

  Parts parts_;
  std::vector<Placed> order_;
  std::vector<LayerSpec> layers_;
  std::vector<bool> read_block_;  // of each block: does a sublayer read Activations::block?
  std::vector<LayerRope> ropes_;  // of each of layers_
  std::unique_ptr<RopeExtension> rope_extension_;
};

}  // namespace kvern::models
