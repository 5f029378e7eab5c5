// Makes a cache: the model's layers and the user's options in the form of the ABI, and checks of what comes
// back.
#include <algorithm>
#include <cctype>

#include <kvern/plugin_registry.hpp>
#include "core/host/cache_state.hpp"
#include "core/host/error_text.hpp"

namespace kvern {
namespace {

/// kvern_create with everything that it points to.
class CreateRequest {
 public:
  CreateRequest(const CacheSpec &spec, const Queue &queue) : options_(spec.options), device_(queue.place()) {
    for (const LayerSpec &layer : spec.layers) n_states_ += layer.states.size();
    prototypes_.reserve(n_states_);
    layers_.reserve(spec.layers.size());
    for (const LayerSpec &layer : spec.layers) add(layer);
    for (const kvern_layer &layer : layers_) pointers_.push_back(&layer);
    request_.struct_size = sizeof request_;
    request_.n_layers = static_cast<uint32_t>(pointers_.size());
    request_.layers = pointers_.data();
    request_.n_options = options_.size();
    request_.options = options_.data();
    request_.device = device_;
    request_.stream = queue.stream();
    request_.dtype = to_dlpack(spec.dtype);
    request_.max_rows = spec.max_rows;
    request_.max_tokens = spec.max_tokens;
    request_.max_cross = spec.max_cross;
  }
  const kvern_create &get() const { return request_; }

 private:
  void add(const LayerSpec &spec) {
    kvern_layer layer{};
    layer.struct_size = sizeof layer;
    layer.kind = spec.kind;
    layer.flags = spec.flags;
    layer.q_heads = spec.q_heads;
    layer.kv_heads = spec.kv_heads;
    layer.head_dim_k = spec.head_dim_k;
    layer.head_dim_v = spec.head_dim_v;
    layer.window = spec.window;
    layer.shares_layer = spec.shares_layer;
    layer.n_states = static_cast<int32_t>(spec.states.size());
    layer.state_prototypes = spec.states.empty() ? nullptr : prototypes_.data() + prototypes_.size();
    for (const LayerSpec::State &state : spec.states)
      prototypes_.push_back({nullptr, device_, static_cast<int32_t>(state.shape.size()),
                             to_dlpack(state.dtype), const_cast<int64_t *>(state.shape.data()), nullptr, 0});
    layers_.push_back(layer);
  }

  AbiOptions options_;
  DLDevice device_;
  size_t n_states_ = 0;
  std::vector<DLTensor> prototypes_;
  std::vector<kvern_layer> layers_;
  std::vector<const kvern_layer *> pointers_;
  kvern_create request_{};
};

bool speaks_of(std::string_view message, std::string_view word) {
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (size_t at = message.find(word); at != message.npos; at = message.find(word, at + 1)) {
    const size_t after = at + word.size();
    if ((at == 0 || !in_word(message[at - 1])) && (after == message.size() || !in_word(message[after])))
      return true;
  }
  return false;
}

/// The place of the first option that the plugin's message speaks of, as "run.toml:12: ", or "".
std::string place_of(const OptionTable &options, std::string_view message) {
  for (const auto &[key, option] : options)
    if (!option.place.empty() && speaks_of(message, key)) return option.place + ": ";
  return "";
}

[[noreturn]] void refused(const kvern_plugin &plugin, const CacheSpec &spec, kvern_status status,
                          const kvern_error &error) {
  status = known_status(status);
  const std::string why =
      *error.message ? error.message : std::string("create failed: ") + status_name(status);
  const std::string text = place_of(spec.options, why) + "cache '" + plugin.name + "': " + why;
  if (status == KVERN_INVALID_ARGUMENT) throw CacheError(status, ErrorKind::config, text);
  throw CacheError(status, text);
}

void check_states(const std::vector<LayerSpec> &layers) {
  for (const LayerSpec &layer : layers)
    for (const LayerSpec::State &state : layer.states)
      if (state.shape.size() > kMaxStateDims)
        throw Error(ErrorKind::internal, "a recurrent state of " + std::to_string(state.shape.size()) +
                                             " dimensions; a cache holds at most " +
                                             std::to_string(kMaxStateDims));
}

bool has_kind(const std::vector<LayerSpec> &layers, std::initializer_list<uint32_t> kinds) {
  return std::any_of(layers.begin(), layers.end(), [&](const LayerSpec &layer) {
    return std::find(kinds.begin(), kinds.end(), layer.kind) != kinds.end();
  });
}

/// The first verb that these layers need and the cache does not bring, or nullptr.
const char *missing_verb(const kvern_cache_ops &ops, const std::vector<LayerSpec> &layers) {
  const bool keys = has_kind(layers, {KVERN_LAYER_ATTENTION, KVERN_LAYER_CROSS});
  if (!KVERN_HAS(&ops, kvern_cache_ops, begin)) return "begin";
  if (keys && !KVERN_HAS(&ops, kvern_cache_ops, view)) return "view";
  if (keys && !KVERN_HAS(&ops, kvern_cache_ops, update)) return "update";
  if (!KVERN_HAS(&ops, kvern_cache_ops, end)) return "end";
  if (!KVERN_HAS(&ops, kvern_cache_ops, reset)) return "reset";
  if (!KVERN_HAS(&ops, kvern_cache_ops, info)) return "info";
  if (has_kind(layers, {KVERN_LAYER_STATE}) && !KVERN_HAS(&ops, kvern_cache_ops, state)) return "state";
  return nullptr;
}

}  // namespace

void check_created(Cache::State &state) {
  const std::string title = state.title();
  if (!state.cache) throw CacheError(KVERN_INTERNAL, title + ": create said OK and handed out no cache");
  const kvern_cache_ops *ops = state.cache->ops;
  if (!ops || !KVERN_HAS(ops, kvern_cache_ops, destroy)) {
    state.cache = nullptr;  // nothing can be done for it
    throw CacheError(KVERN_INTERNAL,
                     title + ": the cache that create made has no " + (ops ? "destroy" : "table of verbs"));
  }
  if (const char *verb = missing_verb(*ops, state.layers))
    throw CacheError(KVERN_INTERNAL, title + ": the cache that create made has no " + verb +
                                         ", which these layers need (its table has struct_size " +
                                         std::to_string(ops->struct_size) + ")");
}

Cache Cache::create(std::shared_ptr<Host> host, const kvern_plugin &plugin, const CacheSpec &spec,
                    WrapCache wrap) {
  check_options(plugin, spec.options);
  check_states(spec.layers);
  auto state = std::make_unique<State>();
  state->host = std::move(host);
  state->plugin = &plugin;
  state->dtype = spec.dtype;
  state->layers = spec.layers;
  state->spec = spec;
  state->kv_len.assign(spec.layers.size(), -1);
  const CreateRequest request(spec, state->host->queue());
  const kvern_status status = state->run("create", [&] {
    return plugin.create(state->host->table(), &request.get(), &state->cache, &state->error);
  });
  if (status != KVERN_OK) {
    state->cache = nullptr;  // a failed create returns nothing
    state->error.message[sizeof state->error.message - 1] = '\0';
    refused(plugin, spec, status, state->error);
  }
  check_created(*state);
  state->wrap = std::move(wrap);
  if (state->wrap) state->cache = state->wrap(state->host->table(), state->cache, request.get());
  return Cache(std::move(state));
}

Cache Cache::empty_like() const { return create(state_->host, *state_->plugin, state_->spec, state_->wrap); }

}  // namespace kvern
