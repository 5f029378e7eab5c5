#include "tests/reference_runner/whole_cache.hpp"

#include <set>

namespace kvern::reference {
namespace {

Option text(const std::string &value) { return {value, ""}; }
Option capacity(int64_t tokens) { return {OptionTable{{"max_cache_len", Option{tokens, ""}}}, ""}; }

LayerSpec keys(int32_t heads, int32_t dim, uint32_t kind = KVERN_LAYER_ATTENTION) {
  LayerSpec layer;
  layer.kind = kind;
  layer.q_heads = layer.kv_heads = heads;
  layer.head_dim_k = layer.head_dim_v = dim;
  return layer;
}

/// Even layers have the window, the others a static buffer.
WholeClass hybrid(const Json &cache) {
  const Json &config = cache.at("config");
  WholeClass made{"hybrid", {}};
  for (int i = 0; i < config.at("num_hidden_layers").get<int>(); ++i) {
    made.spec.layers.push_back(keys(config.at("num_key_value_heads"), config.at("head_dim")));
    if (i % 2 == 0) made.spec.layers.back().window = config.at("sliding_window").get<int32_t>();
  }
  made.spec.options = {{"attention", text("static")},
                       {"attention_config", capacity(cache.at("max_cache_len"))}};
  return made;
}

/// The shape of a layer is that of its first recorded keys.
WholeClass encoder_decoder(const Case &c, const Json &cache) {
  WholeClass made{"encoder_decoder", {}, true};
  std::set<int> layers;
  std::vector<int32_t> shape;
  for (const Json &step : c.json.at("steps")) {
    if (step.at("op") != "update_cross") continue;
    layers.insert(step.at("layer").get<int>());
    shape =
        c.json.at("tensors").at("entries").at(step.at("key").get<std::string>()).get<std::vector<int32_t>>();
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    made.spec.layers.push_back(keys(shape.at(1), shape.at(3)));
    made.spec.layers.push_back(keys(shape.at(1), shape.at(3), KVERN_LAYER_CROSS));
  }
  if (cache.at("self_attention") == "StaticCache")
    made.spec.options = {{"self_attention", text("static")},
                         {"self_attention_config", capacity(cache.at("max_cache_len"))},
                         {"cross_attention", text("static")},
                         {"cross_attention_config", capacity(cache.at("max_cross_len"))}};
  return made;
}

WholeClass mamba(const Json &cache) {
  const Json &config = cache.at("config");
  const auto size = [&](const char *key) { return config.at(key).get<int64_t>(); };
  LayerSpec layer;
  layer.kind = KVERN_LAYER_STATE;
  layer.states = {{Dtype::f32, {size("intermediate_size"), size("conv_kernel")}},
                  {Dtype::f32, {size("intermediate_size"), size("state_size")}}};
  WholeClass made{"mamba", {}};
  made.spec.layers.assign(static_cast<size_t>(size("num_hidden_layers")), layer);
  return made;
}

}  // namespace

std::optional<WholeClass> find_whole_class(const Case &c) {
  const Json &cache = c.json.at("cache");
  const auto type = cache.value("type", std::string());
  if (type == "HybridCache") return hybrid(cache);
  if (type == "EncoderDecoderCache") return encoder_decoder(c, cache);
  if (type == "MambaCache") return mamba(cache);
  return {};
}

}  // namespace kvern::reference
