// A cache of keys on a model that has recurrent states or an encoder: the other layers get caches of their own, so that the
// choice of a user stays a choice of one cache.
#pragma once
#include <functional>
#include <kvern/cache.hpp>
#include <optional>
#include <string>

namespace kvern {

/// Another cache in place of one that does not hold all layers of a model.
struct Composition {
  std::string implementation;
  OptionTable options;
  std::string explanation;  ///< one line: which layers go where
};

/// Makes caches of `plugin` for a spec: what Cache::create does, with the session's host. Throws as it does.
using TryCache = std::function<void(const CacheSpec &)>;

/// What `name` with the options of `spec` becomes on its layers: it keeps the kinds that it holds, and others get the plugins
/// `mamba` (states), `encoder_decoder` (an encoder's keys) and `dynamic` (keys). nullopt where that changes nothing: the layers are
/// all of keys, or the cache divides them itself. Throws what `attempt` threw, if there are layers with keys and it
/// holds no layer at all.
std::optional<Composition> compose_cache(const std::string &name, const CacheSpec &spec,
                                         const TryCache &attempt);

}  // namespace kvern
