// Whisper (Radford et al. 2022): an encoder of log-mel features behind two convolutions, a decoder with learned positions; all
// projections but those of keys have biases.
#include "runtime/models/encoder_decoder.hpp"

namespace kvern::models {
namespace {

AttentionNames names_of(const std::string &attention) {
  return {attention + ".q_proj",
          attention + ".k_proj",
          attention + ".v_proj",
          attention + ".out_proj",
          true,
          false};
}

ResidualDescription normed_before(const std::string &norm) {
  ResidualDescription residual;
  residual.norm = norm;
  return residual;
}

MlpDescription describe_mlp(const files::ModelConfig &config, const std::string &size_key) {
  MlpDescription mlp;
  mlp.residual.norm = "final_layer_norm";
  mlp.intermediate_size = config.size(size_key);
  mlp.gated = false;
  mlp.activation = read_activation(config, "activation_function");
  mlp.up = {{"fc1"}, true};
  mlp.down = {{"fc2"}, true};
  return mlp;
}

Conv1d read_conv(const TensorReader &stack, const std::string &name, const Axis &in, int64_t stride) {
  const Axis out = stack.hidden();
  return {stack.tensor_on_host(name + ".weight", {out, in, {"kernel", 3}}),
          stack.tensor(name + ".bias", {out}), stride, stack.weights().queue()};
}

std::unique_ptr<const Encoder> build_encoder(const files::ModelConfig &config, const TensorReader &stack) {
  Encoder::Parts parts;
  parts.model_type = "whisper";
  parts.hidden_size = stack.description().hidden_size;
  parts.max_positions = config.size("max_source_positions");
  parts.frontend.emplace(
      AudioFrontEnd{read_conv(stack, "conv1", {"num_mel_bins", config.size("num_mel_bins")}, 1),
                    read_conv(stack, "conv2", stack.hidden(), 2),
                    stack.tensor("embed_positions.weight",
                                 {{"max_source_positions", parts.max_positions}, stack.hidden()})});
  const HeadSizes sizes = read_heads(config, "encoder_attention_heads", parts.hidden_size);
  for (int64_t i = 0; i < read_layer_count(config, "encoder_layers"); ++i) {
    const TensorReader layer = stack.under("layers." + std::to_string(i) + ".");
    parts.layers.push_back(
        {build_encoder_attention(layer, names_of("self_attn"), normed_before("self_attn_layer_norm"), sizes),
         build_mlp(describe_mlp(config, "encoder_ffn_dim"), layer)});
  }
  parts.norm = stack.norm("layer_norm", stack.hidden());
  return std::make_unique<const Encoder>(std::move(parts));
}

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d;
  d.model_type = "whisper";
  d.vocab_size = config.size("vocab_size");
  d.hidden_size = config.size("d_model");
  d.max_positions = d.learned_positions = config.size("max_target_positions");
  d.norm = {Norm::layer, 1e-5f, 0.0f, true};
  d.head_tied = config.boolean("tie_word_embeddings");
  d.names = {{"model.decoder."}, "layers.", "embed_tokens", "embed_positions", "layer_norm", "proj_out"};
  return d;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  const DecoderDescription d = describe(config);
  Decoder::Parts parts = build_ends(d, loading);
  const HeadSizes sizes = read_heads(config, "decoder_attention_heads", d.hidden_size);
  for (int64_t i = 0; i < read_layer_count(config, "decoder_layers"); ++i) {
    const TensorReader layer = layer_reader(d, loading.weights, static_cast<size_t>(i));
    Block block;
    block.push_back(
        build_self_attention(layer, names_of("self_attn"), normed_before("self_attn_layer_norm"), sizes));
    block.push_back(build_cross_attention(layer, names_of("encoder_attn"),
                                          normed_before("encoder_attn_layer_norm"), sizes));
    block.push_back(build_mlp(describe_mlp(config, "decoder_ffn_dim"), layer));
    parts.blocks.push_back(std::move(block));
  }
  parts.encoder = build_encoder(config, TensorReader(d, loading.weights, "model.encoder."));
  parts.info.encoder = EncoderKind::audio;
  parts.info.max_encoder_positions = config.size("max_source_positions");
  return finish_decoder(std::move(parts), loading);
}

}  // namespace

// scale_embedding is read by transformers without an effect
extern constinit const Family family_whisper = {"whisper", R"({
  "vocab_size": 51865, "num_mel_bins": 80, "encoder_layers": 4, "encoder_attention_heads": 6, "decoder_layers": 4,
  "decoder_attention_heads": 6, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536, "d_model": 384,
  "activation_function": "gelu", "max_source_positions": 1500, "max_target_positions": 448,
  "tie_word_embeddings": true, "decoder_start_token_id": 50257, "pad_token_id": 50256, "bos_token_id": 50256,
  "eos_token_id": 50256
})",
                                                build};

}  // namespace kvern::models
