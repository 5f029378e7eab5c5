#include "runtime/run/kv_elements_per_token.hpp"

namespace kvern {

int64_t kv_elements_per_token(const std::vector<LayerSpec> &layers) {
  int64_t elements = 0;
  for (const auto &l : layers)
    if (l.kind == KVERN_LAYER_ATTENTION && l.shares_layer < 0)
      elements += int64_t{l.kv_heads} * (l.head_dim_k + (l.flags & KVERN_VALUES_IN_KEYS ? 0 : l.head_dim_v));
  return elements;
}

}  // namespace kvern
