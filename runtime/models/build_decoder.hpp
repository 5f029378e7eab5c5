// From a description and its weights to a running model. Families use the parts where their layers are of other sublayers.
#pragma once
#include <memory>

#include "runtime/models/decoder.hpp"
#include "runtime/models/tensor_reader.hpp"

namespace kvern::models {

/// What a model is made of besides its configuration.
struct Loading {
  WeightReader &weights;
  /// No limit of positions where they are computed; a table of learned positions stays one.
  bool allow_beyond_context = false;
};

// Each throws what WeightReader::read throws.

/// Attention and MLP or experts as described, one after the other in each layer.
std::unique_ptr<Model> build_decoder(const DecoderDescription &description, const Loading &loading);

/// Everything but the blocks, which the caller adds.
Decoder::Parts build_ends(const DecoderDescription &description, const Loading &loading);
/// The matrix that makes logits, of the tensor `name`.weight: that of the embeddings where they are tied.
Matrix build_head(const DecoderDescription &description, WeightReader &weights, const std::string &name);
/// Reads the tensors of a layer.
TensorReader layer_reader(const DecoderDescription &description, WeightReader &weights, size_t layer);
std::unique_ptr<Sublayer> build_attention(const AttentionDescription &description,
                                          const TensorReader &reader);
std::unique_ptr<Sublayer> build_latent_attention(const LatentAttentionDescription &description,
                                                 const TensorReader &reader);
std::unique_ptr<Mlp> build_mlp(const MlpDescription &description, const TensorReader &reader);
std::unique_ptr<Sublayer> build_experts(const ExpertsDescription &description, const TensorReader &reader);
/// Experts where the layer has them, else the MLP.
std::unique_ptr<Sublayer> build_feed_forward(const LayerDescription &description, const TensorReader &reader);
/// With the sizes of what was read.
std::unique_ptr<Model> finish_decoder(Decoder::Parts parts, const Loading &loading);

}  // namespace kvern::models
