#include "runtime/run/compose_cache.hpp"

#include <algorithm>
#include <exception>

namespace kvern {
namespace {

constexpr const char *kHybrid = "hybrid";

struct Part {
  uint32_t kind;
  std::vector<const char *> options;  ///< of hybrid
  const char *otherwise;              ///< the plugin for a cache that does not hold this kind
  const char *what;
};

const std::vector<Part> &parts() {
  static const std::vector<Part> all{
      {KVERN_LAYER_ATTENTION, {"attention", "window"}, "dynamic", "keys and values"},
      {KVERN_LAYER_STATE, {"state"}, "mamba", "recurrent states"},
      {KVERN_LAYER_CROSS, {"cross"}, "encoder_decoder", "an encoder's keys"},
  };
  return all;
}

bool has_kind(const CacheSpec &spec, uint32_t kind) {
  return std::any_of(spec.layers.begin(), spec.layers.end(),
                     [&](const LayerSpec &l) { return l.kind == kind; });
}

/// The spec with the layers of one kind alone.
CacheSpec only(const CacheSpec &spec, uint32_t kind) {
  CacheSpec part = spec;
  for (LayerSpec &layer : part.layers)
    if (layer.kind != kind) layer.kind = KVERN_LAYER_NONE;
  return part;
}

/// Whether the cache holds all layers of a kind; `refusal` is why not.
bool holds(const CacheSpec &spec, uint32_t kind, const TryCache &attempt, std::exception_ptr &refusal) {
  try {
    attempt(only(spec, kind));
    return true;
  } catch (const CacheError &e) {
    if (e.status() != KVERN_UNSUPPORTED) throw;
    refusal = std::current_exception();
    return false;
  }
}

void give(OptionTable &to, const Part &part, const std::string &cache, const OptionTable &config) {
  for (const char *option : part.options) {
    to.emplace_back(option, Option{cache, ""});
    if (!config.empty()) to.emplace_back(std::string(option) + "_config", Option{config, ""});
  }
}

}  // namespace

std::optional<Composition> compose_cache(const std::string &name, const CacheSpec &spec,
                                         const TryCache &attempt) {
  const bool keys_alone = !has_kind(spec, KVERN_LAYER_STATE) && !has_kind(spec, KVERN_LAYER_CROSS);
  if (name == kHybrid || keys_alone) return {};
  Composition composed{kHybrid, {}, "cache '" + name + "' holds"};
  std::string kept, given;
  std::exception_ptr refusal, first_refusal;
  for (const Part &part : parts()) {
    if (!has_kind(spec, part.kind)) continue;
    const bool own = holds(spec, part.kind, attempt, refusal);
    if (!own && !first_refusal) first_refusal = refusal;
    own ? give(composed.options, part, name, spec.options) : give(composed.options, part, part.otherwise, {});
    if (own)
      kept += (kept.empty() ? " " : " and ") + std::string(part.what);
    else
      given += std::string(given.empty() ? "" : ", ") + part.what + " are held by '" + part.otherwise + "'";
  }
  if (kept.empty() && has_kind(spec, KVERN_LAYER_ATTENTION)) std::rethrow_exception(first_refusal);
  composed.explanation += (kept.empty() ? " nothing of this model" : kept) + "; " + given;
  return composed;
}

}  // namespace kvern
