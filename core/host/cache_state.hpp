// What a Cache holds, and the one way in which it calls its plugin. Not part of the public headers.
#pragma once
#include <kvern/cache.hpp>

#include <exception>

#include "core/host/running_verb.hpp"

namespace kvern {

constexpr size_t kMaxStateDims = 8;  ///< of a recurrent state, without rows and tokens

/// A status that this host does not know is read as INTERNAL.
inline kvern_status known_status(kvern_status status) {
  return status < KVERN_OK || status > KVERN_INTERNAL ? KVERN_INTERNAL : status;
}

struct Cache::State {
  std::shared_ptr<Host> host;
  const kvern_plugin *plugin = nullptr;
  kvern_cache *cache = nullptr;
  Dtype dtype = Dtype::f32;
  std::vector<LayerSpec> layers;
  CacheSpec spec;  ///< as it was made
  WrapCache wrap;  ///< so, too

  // the open step
  bool in_step = false;
  bool failed = false;  ///< a verb of this step failed: only end(0) may follow
  bool lost = false;    ///< only destroy may follow
  uint32_t step_flags = 0;
  int64_t rows = 0, n_new = 0;
  std::vector<int64_t> kv_len;  ///< what view said of each layer in this step; -1: not asked yet

  kvern_error error{};

  State() = default;
  State(const State &) = delete;
  State &operator=(const State &) = delete;
  /// Takes an open step back and destroys the plugin's cache.
  ~State();

  const kvern_cache_ops &ops() const { return *cache->ops; }
  std::string title() const { return "cache '" + std::string(plugin->name) + "'"; }

  /// Runs a verb of the plugin. An exception that comes out of it is thrown on as a CacheError, and the cache
  /// is lost.
  template <class Verb>
  kvern_status run(const char *verb, Verb &&body) {
    error.struct_size = sizeof error;
    error.code = KVERN_OK;
    error.message[0] = '\0';
    const VerbScope running(plugin->name, verb);
    try {
      return body();
    } catch (const std::exception &thrown) {
      threw(verb, thrown.what());
    } catch (...) {
      threw(verb, "");
    }
  }

  /// Runs a verb and throws unless it says OK.
  template <class Verb>
  void must(const char *verb, Verb &&body) {
    const kvern_status status = run(verb, body);
    if (status != KVERN_OK) fail(verb, status);
  }

  /// Throws what the plugin said of its failure; the cache is lost if the status says so.
  [[noreturn]] void fail(const char *verb, kvern_status status);
  [[noreturn]] void threw(const char *verb, const char *what);
  /// Throws a defect of the plugin that the host noticed; the cache is lost.
  [[noreturn]] void defect(const std::string &what);
  /// Throws a call that the contract does not allow: a defect of the caller, and the plugin never sees it.
  [[noreturn]] void misuse(kvern_status status, const std::string &what) const;
  [[noreturn]] void not_offered(const char *verb) const;

  void require_alive(const char *verb) const {
    if (lost)
      misuse(KVERN_WRONG_STATE, std::string(verb) + " after a failure that lost the cache; destroy it");
  }
  void require_step(const char *verb) const {
    require_alive(verb);
    if (!in_step) misuse(KVERN_WRONG_STATE, std::string(verb) + " needs an open step; begin comes first");
    if (failed)
      misuse(KVERN_WRONG_STATE, std::string(verb) + " after a failure in this step; only end(0) may follow");
  }
  void require_no_step(const char *verb) const {
    require_alive(verb);
    if (in_step) misuse(KVERN_WRONG_STATE, std::string(verb) + " in an open step; end comes first");
  }
  /// A layer that calls may name: in range and not of kind NONE.
  const LayerSpec &require_layer(const char *verb, int layer) const {
    if (layer < 0 || static_cast<size_t>(layer) >= layers.size() || layers[layer].kind == KVERN_LAYER_NONE)
      misuse(KVERN_INVALID_ARGUMENT,
             std::string(verb) + " of layer " + std::to_string(layer) + ": there is no such layer");
    return layers[layer];
  }
};

}  // namespace kvern
