// BART (Lewis et al. 2020): encoder and decoder whose residual streams are normed after each sublayer, learned positions. Without
// an encoder (BartForCausalLM, is_encoder_decoder = false) it is a decoder like others.
#include <cmath>

#include "runtime/models/embedding_table.hpp"
#include "runtime/models/encoder_decoder.hpp"

namespace kvern::models {
namespace {

constexpr int64_t kOffset = 2;  // rows of the table of positions before position 0

AttentionNames names_of(const std::string &attention) {
  return {attention + ".q_proj",
          attention + ".k_proj",
          attention + ".v_proj",
          attention + ".out_proj",
          true,
          true};
}

ResidualDescription normed_after(const std::string &norm) {
  ResidualDescription residual;
  residual.input = SublayerInput::residual;
  residual.stream_norm = norm;
  return residual;
}

MlpDescription describe_mlp(const files::ModelConfig &config, const std::string &size_key) {
  MlpDescription mlp;
  mlp.residual = normed_after("final_layer_norm");
  mlp.intermediate_size = config.size(size_key);
  mlp.gated = false;
  mlp.activation = read_activation(config, "activation_function");
  mlp.up = {{"fc1"}, true};
  mlp.down = {{"fc2"}, true};
  return mlp;
}

Weight without_first_rows(Weight table, int64_t rows) {
  table.data =
      static_cast<const std::byte *>(table.data) +
      static_cast<size_t>(rows * table.shape[1]) * static_cast<size_t>(kernels::size_of(table.dtype));
  table.shape[0] -= rows;
  return table;
}

/// The name of a stack's token embeddings: its own where they are not tied, or where the file has no shared ones.
std::string embedding_of(const files::ModelConfig &config, const Loading &loading, const std::string &stack) {
  const std::string shared = "model.shared", own = "model." + stack + ".embed_tokens";
  const bool tied = config.boolean("tie_word_embeddings");
  const std::string &first = tied ? shared : own, &second = tied ? own : shared;
  return loading.weights.contains(first + ".weight") || !loading.weights.contains(second + ".weight")
             ? first
             : second;
}

/// Token embeddings, positions and norm of a stack. `head`: that of the decoder.
Embedding read_embedding(const files::ModelConfig &config, const Loading &loading, const TensorReader &stack,
                         const std::string &name, const Matrix &head) {
  Embedding embedding;
  const std::string table = embedding_of(config, loading, name);
  const bool tied =
      config.boolean("tie_word_embeddings") && table == embedding_of(config, loading, "decoder");
  read_embedding_table(loading.weights, table + ".weight", {"vocab_size", config.size("vocab_size")},
                       stack.hidden(), tied ? &head.packed : nullptr, embedding);
  const auto size = static_cast<float>(stack.description().hidden_size);
  embedding.scale = config.boolean("scale_embedding") ? std::sqrt(size) : 1.0f;
  embedding.positions = without_first_rows(
      stack.tensor("embed_positions.weight",
                   {{"max_position_embeddings + 2", config.size("max_position_embeddings") + kOffset},
                    stack.hidden()}),
      kOffset);
  embedding.norm = stack.norm("layernorm_embedding", stack.hidden());
  return embedding;
}

std::unique_ptr<const Encoder> build_encoder(const files::ModelConfig &config, const Loading &loading,
                                             const TensorReader &stack, const Matrix &head) {
  Encoder::Parts parts;
  parts.model_type = "bart";
  parts.hidden_size = stack.description().hidden_size;
  parts.max_positions = config.size("max_position_embeddings");
  parts.embedding = read_embedding(config, loading, stack, "encoder", head);
  const HeadSizes sizes = read_heads(config, "encoder_attention_heads", parts.hidden_size);
  for (int64_t i = 0; i < read_layer_count(config, "encoder_layers"); ++i) {
    const TensorReader layer = stack.under("layers." + std::to_string(i) + ".");
    parts.layers.push_back(
        {build_encoder_attention(layer, names_of("self_attn"), normed_after("self_attn_layer_norm"), sizes),
         build_mlp(describe_mlp(config, "encoder_ffn_dim"), layer)});
  }
  return std::make_unique<const Encoder>(std::move(parts));
}

Block build_block(const files::ModelConfig &config, const TensorReader &layer, const HeadSizes &sizes,
                  bool cross) {
  Block block;
  block.push_back(
      build_self_attention(layer, names_of("self_attn"), normed_after("self_attn_layer_norm"), sizes));
  if (cross)
    block.push_back(build_cross_attention(layer, names_of("encoder_attn"),
                                          normed_after("encoder_attn_layer_norm"), sizes));
  block.push_back(build_mlp(describe_mlp(config, "decoder_ffn_dim"), layer));
  return block;
}

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d;
  d.model_type = "bart";
  d.vocab_size = config.size("vocab_size");
  d.hidden_size = config.size("d_model");
  d.max_positions = d.learned_positions = config.size("max_position_embeddings");
  d.norm = {Norm::layer, 1e-5f, 0.0f, true};
  d.head_tied = config.boolean("tie_word_embeddings");
  return d;
}

Decoder::Parts build_ends_of(const files::ModelConfig &config, const DecoderDescription &d,
                             const Loading &loading, const TensorReader &stack) {
  Decoder::Parts parts;
  parts.info.model_type = d.model_type;
  parts.info.vocab_size = d.vocab_size;
  parts.info.max_positions = d.max_positions;
  const std::string table = embedding_of(config, loading, "decoder");
  parts.head.matrix = build_head(d, loading.weights, d.head_tied ? table : d.names.head);
  parts.embedding = read_embedding(config, loading, stack, "decoder", parts.head.matrix);
  parts.info.dtype = host_dtype(loading.weights.dtype_of(table + ".weight"));
  return parts;
}

/// [1, vocab_size], added to the logits.
void add_logits_bias(const Loading &loading, int64_t vocab_size, Decoder::Parts &parts) {
  if (!loading.weights.contains("final_logits_bias")) return;
  Weight bias = loading.weights.read("final_logits_bias", {{"1", 1}, {"vocab_size", vocab_size}});
  bias.shape = {vocab_size};
  parts.head.matrix.bias = bias;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  const bool encoder = config.boolean("is_encoder_decoder", true);
  const DecoderDescription d = describe(config);
  const TensorReader all(d, loading.weights, "model."), stack = all.under("decoder.");
  Decoder::Parts parts = build_ends_of(config, d, loading, stack);
  add_logits_bias(loading, d.vocab_size, parts);
  const HeadSizes sizes = read_heads(config, "decoder_attention_heads", d.hidden_size);
  for (int64_t i = 0; i < read_layer_count(config, "decoder_layers"); ++i)
    parts.blocks.push_back(
        build_block(config, stack.under("layers." + std::to_string(i) + "."), sizes, encoder));
  if (encoder) {
    parts.encoder = build_encoder(config, loading, all.under("encoder."), parts.head.matrix);
    parts.info.encoder = EncoderKind::text;
    parts.info.max_encoder_positions = d.max_positions;
  }
  return finish_decoder(std::move(parts), loading);
}

}  // namespace

extern constinit const Family family_bart = {"bart", R"({
  "vocab_size": 50265, "d_model": 1024, "encoder_layers": 12, "encoder_attention_heads": 16, "encoder_ffn_dim": 4096,
  "decoder_layers": 12, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096, "activation_function": "gelu",
  "max_position_embeddings": 1024, "scale_embedding": false, "tie_word_embeddings": true,
  "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 2
})",
                                             build};

}  // namespace kvern::models
