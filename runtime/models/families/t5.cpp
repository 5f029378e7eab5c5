// T5 (Raffel et al. 2020; also T5 1.1 and Flan-T5, whose MLPs are gated): encoder and decoder with RMS norms, relative position
// biases that all layers share, and scores that are not scaled.
#include <cmath>

#include "runtime/models/encoder_decoder.hpp"

namespace kvern::models {
namespace {

MlpDescription describe_mlp(const files::ModelConfig &config, const std::string &norm,
                            const std::string &layer) {
  std::string act = config.string("feed_forward_proj");
  MlpDescription mlp;
  mlp.gated = act.starts_with("gated-");
  if (mlp.gated) act = act.substr(6);
  if (act != "relu" && act != "gelu" && act != "silu" && act != "gelu_new")
    config.fail("feed_forward_proj",
                "'" + config.string("feed_forward_proj") +
                    "' is unknown; known are relu, gelu, silu and gelu_new, each also after 'gated-'");
  using kernels::Activation;
  mlp.activation = act == "relu" ? Activation::relu : act == "silu" ? Activation::silu : Activation::gelu;
  if (act == "gelu_new" || (mlp.gated && act == "gelu")) mlp.activation = Activation::gelu_tanh;
  mlp.intermediate_size = config.size("d_ff");
  mlp.residual.norm = norm;
  const std::string dense = layer + "DenseReluDense.";
  mlp.up.names = mlp.gated ? std::vector{dense + "wi_0", dense + "wi_1"} : std::vector{dense + "wi"};
  mlp.down.names = {dense + "wo"};
  return mlp;
}

AttentionNames names_of(const std::string &attention) {
  return {attention + ".q", attention + ".k", attention + ".v", attention + ".o"};
}

RelativeBias read_bias(const files::ModelConfig &config, const TensorReader &stack, int64_t heads,
                       bool bidirectional) {
  const RelativeBiasConfig bias{config.size("relative_attention_num_buckets"),
                                config.size("relative_attention_max_distance"), bidirectional};
  if (bias.max_distance <= bias.buckets / 2)
    config.fail("relative_attention_max_distance",
                std::to_string(bias.max_distance) +
                    " should be above half of relative_attention_num_buckets (" +
                    std::to_string(bias.buckets) + ")");
  return {stack.tensor_on_host("block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                               {{"relative_attention_num_buckets", bias.buckets}, {"num_heads", heads}}),
          bias};
}

std::unique_ptr<const Encoder> build_encoder(const files::ModelConfig &config, const TensorReader &stack,
                                             const Embedding &embedding, const HeadSizes &sizes) {
  Encoder::Parts parts;
  parts.model_type = "t5";
  parts.hidden_size = stack.description().hidden_size;
  parts.embedding = embedding;
  parts.bias = read_bias(config, stack, sizes.heads, true);
  parts.norm = stack.norm("final_layer_norm", stack.hidden());
  const MlpDescription mlp = describe_mlp(config, "layer.1.layer_norm", "layer.1.");
  for (int64_t i = 0; i < read_layer_count(config, "num_layers"); ++i) {
    const TensorReader block = stack.under("block." + std::to_string(i) + ".");
    ResidualDescription residual;
    residual.norm = "layer.0.layer_norm";
    parts.layers.push_back(
        {build_encoder_attention(block, names_of("layer.0.SelfAttention"), residual, sizes),
         build_mlp(mlp, block)});
  }
  return std::make_unique<const Encoder>(std::move(parts));
}

DecoderDescription describe(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d;
  d.model_type = "t5";
  d.vocab_size = config.size("vocab_size");
  d.hidden_size = config.size("d_model");
  d.norm.eps = static_cast<float>(config.number("layer_norm_epsilon"));
  const bool tied = config.boolean("tie_word_embeddings");
  d.head_tied = tied && !loading.weights.contains("lm_head.weight");
  if (config.boolean("scale_decoder_outputs", tied))
    d.logits_scale = 1.0f / std::sqrt(static_cast<float>(d.hidden_size));
  d.names.embedding = "shared";
  d.names.final_norm = "decoder.final_layer_norm";
  return d;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  const DecoderDescription d = describe(config, loading);
  const HeadSizes sizes{config.size("num_heads"), config.size("d_kv"), 1.0f};
  Decoder::Parts parts = build_ends(d, loading);
  parts.info.encoder = EncoderKind::text;
  const TensorReader all(d, loading.weights, ""), stack = all.under("decoder.");
  const auto bias = std::make_shared<const RelativeBias>(read_bias(config, stack, sizes.heads, false));
  const MlpDescription mlp = describe_mlp(config, "layer.2.layer_norm", "layer.2.");
  const char *layers = config.has("num_decoder_layers") ? "num_decoder_layers" : "num_layers";
  for (int64_t i = 0; i < read_layer_count(config, layers); ++i) {
    const TensorReader block = stack.under("block." + std::to_string(i) + ".");
    ResidualDescription first, second;
    first.norm = "layer.0.layer_norm";
    second.norm = "layer.1.layer_norm";
    Block sublayers;
    sublayers.push_back(build_self_attention(block, names_of("layer.0.SelfAttention"), first, sizes, bias));
    sublayers.push_back(build_cross_attention(block, names_of("layer.1.EncDecAttention"), second, sizes));
    sublayers.push_back(build_mlp(mlp, block));
    parts.blocks.push_back(std::move(sublayers));
  }
  parts.encoder = build_encoder(config, all.under("encoder."), parts.embedding, sizes);
  return finish_decoder(std::move(parts), loading);
}

}  // namespace

extern constinit const Family family_t5 = {"t5", R"({
  "vocab_size": 32128, "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8,
  "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128, "layer_norm_epsilon": 1e-06,
  "feed_forward_proj": "relu", "tie_word_embeddings": true, "pad_token_id": 0, "eos_token_id": 1
})",
                                           build};

}  // namespace kvern::models
