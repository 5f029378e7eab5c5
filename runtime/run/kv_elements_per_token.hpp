// How many elements the keys and values of a token have: what the bytes that a cache holds are compared with.
#pragma once
#include <cstdint>
#include <kvern/cache.hpp>
#include <vector>

namespace kvern {

/// Keys and values of one token over all layers. A layer that shares another's keys and values adds none, one whose values lie
/// in its keys adds its keys.
int64_t kv_elements_per_token(const std::vector<LayerSpec> &layers);

}  // namespace kvern
