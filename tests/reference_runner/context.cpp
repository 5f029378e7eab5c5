#include "tests/reference_runner/context.hpp"

#include <algorithm>

#include "devices/find_device.hpp"
#include "runtime/files/model_config.hpp"
#include "runtime/models/load.hpp"
#include "runtime/run/kv_elements_per_token.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {

namespace {

/// Behind an encoder a cache is in both halves.
void put_in_both_halves(CacheRequest &request) {
  const auto text = [](const std::string &value) { return Option{value, ""}; };
  const OptionTable options = std::move(request.options);
  request.options = {{"self_attention", text(request.implementation)},
                     {"cross_attention", text(request.implementation)}};
  if (!options.empty()) request.options.emplace_back("self_attention_config", Option{options, ""});
  request.implementation = "encoder_decoder";
}

}  // namespace

const Model &Context::model(const std::filesystem::path &folder) {
  auto &model = models_[folder.string()];
  if (!model) {
    if (!knows_architecture(folder))
      skip("architecture not offered: " + files::ModelConfig::read(folder).model_type);
    LoadOptions options;
    options.dtype = Dtype::f32;
    options.queue = &find_device(device);
    model = load_model(folder, options);
  }
  return *model;
}

Cache Context::open(const Model &model, const std::string &name, int64_t max_rows, int64_t max_tokens,
                    const OptionTable &options, int64_t max_cross) const {
  const auto wanted = cache_name(name);
  const auto installed = list_plugins(plugin_path);
  const auto found = std::find_if(installed.begin(), installed.end(),
                                  [&](const FoundPlugin &p) { return p.name == wanted && p.plugin; });
  if (!cache && found == installed.end()) skip("cache not installed: " + wanted);
  try {
    return open_named(model, wanted, max_rows, max_tokens, options, max_cross);
  } catch (const CacheError &e) {
    if ((!cache && device == "cpu") || e.status() != KVERN_UNSUPPORTED) throw;
    skip(std::string("cache cannot hold the model: ") + e.what());
  }
}

Cache Context::open_named(const Model &model, const std::string &name, int64_t max_rows, int64_t max_tokens,
                          const OptionTable &options, int64_t max_cross) const {
  CacheRequest request;
  request.implementation = name;
  request.plugin_path = plugin_path;
  request.max_rows = max_rows;
  request.max_tokens = max_tokens;
  request.options = options;
  request.max_cross = max_cross;
  if (model.info().encoder != EncoderKind::none && name != "encoder_decoder") put_in_both_halves(request);
  return open_cache(model, request);
}

bool keeps_tokens(Cache &cache) { return cache.info().tokens > 0; }

bool packs_tokens(const Cache &cache) {
  const auto info = cache.info();
  const int64_t float32_bytes = info.tokens * info.rows * kv_elements_per_token(cache.layers()) * 4;
  return info.bytes_used >= 0 && info.bytes_used < float32_bytes;
}

}  // namespace kvern::reference
