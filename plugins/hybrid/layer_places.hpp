// Where the cache of each layer lives: `layer_device_map`, as transformers' static caches have it.
#pragma once
#include <kvern/sdk/create.hpp>
#include <string>
#include <vector>

namespace kvern::hybrid {

namespace sdk = kvern::sdk;

inline bool same_place(DLDevice a, DLDevice b) {
  return a.device_type == b.device_type && a.device_id == b.device_id;
}

/// "cpu", "cuda:0".
std::string place_text(DLDevice device);

/// The place of each layer: that of the map, else of create. Throws sdk::Failure: INVALID_ARGUMENT for an entry that is not
/// understood, that names a layer which the model does not have or another entry names; UNSUPPORTED for a place where the host
/// has no memory.
std::vector<DLDevice> places_of(const sdk::Create &create);

}  // namespace kvern::hybrid
