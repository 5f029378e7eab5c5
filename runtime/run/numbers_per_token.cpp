#include "runtime/run/numbers_per_token.hpp"

namespace kvern {

int64_t numbers_per_token(const std::vector<LayerSpec> &layers) {
  int64_t numbers = 0;
  for (const auto &l : layers)
    if (l.kind == KVERN_LAYER_ATTENTION && l.shares_layer < 0)
      numbers += int64_t{l.kv_heads} * (l.head_dim_k + (l.flags & KVERN_VALUES_IN_KEYS ? 0 : l.head_dim_v));
  return numbers;
}

}  // namespace kvern
