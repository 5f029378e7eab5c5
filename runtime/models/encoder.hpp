// The encoder of an encoder-decoder model: token ids or features to hidden states, in one pass without a cache.
#pragma once
#include <kvern/model.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/models/layers/conv1d.hpp"
#include "runtime/models/layers/embedding.hpp"
#include "runtime/models/layers/encoder_attention.hpp"
#include "runtime/models/layers/mlp.hpp"

namespace kvern::models {

/// Features [B, bins, 2 S] to the residual stream [B, S, d]: two convolutions, of which the second halves the frames, each followed
/// by GELU, and positions.
struct AudioFrontEnd {
  Conv1d first, second;
  Weight positions;  ///< [S at most, d]
};

class Encoder {
 public:
  struct Layer {
    EncoderAttention attention;
    std::unique_ptr<const Mlp> mlp;
  };
  struct Parts {
    std::string model_type;
    int64_t hidden_size = 0;
    int64_t max_positions = 0;              ///< 0 = no limit
    std::optional<Embedding> embedding;     ///< of text
    std::optional<AudioFrontEnd> frontend;  ///< of audio
    std::vector<Layer> layers;
    std::optional<RelativeBias> bias;  ///< of all layers
    NormLayer norm;                    ///< of the output; or empty
  };

  explicit Encoder(Parts parts) : parts_(std::move(parts)) {}

  /// Throws Error(input) for the other kind of input, too many tokens or frames, or an id outside of the vocabulary.
  Encoded run(const EncoderInput &input, Queue &queue) const;

 private:
  void check(const EncoderInput &input) const;
  void embed(const EncoderInput &input, Activations &x, Queue &queue) const;

  Parts parts_;
};

}  // namespace kvern::models
