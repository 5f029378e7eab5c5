// The model's layers as the cache was created for, owned: what create borrowed, the cache may keep.
#pragma once
#include <kvern/sdk/tensor.hpp>
#include <vector>

KVERN_SDK_BEGIN

/// A recurrent state of a layer, without rows.
struct StateShape {
  DLDataType type;
  std::vector<int64_t> shape;

  int64_t elements() const {
    int64_t count = 1;
    for (int64_t size : shape) count = product(count, size);
    return count;
  }
};

/// kvern_layer with owned state shapes.
struct Layer {
  uint32_t kind = KVERN_LAYER_NONE;
  uint32_t flags = 0;
  int32_t q_heads = 0, kv_heads = 0, head_dim_k = 0, head_dim_v = 0;
  int32_t window = 0;
  int32_t shares_layer = -1;
  std::vector<StateShape> states;

  bool holds_keys() const { return kind == KVERN_LAYER_ATTENTION || kind == KVERN_LAYER_CROSS; }
  bool values_in_keys() const { return (flags & KVERN_VALUES_IN_KEYS) != 0; }
};

using Layers = std::vector<Layer>;

/// Maximum over layers of heads and head size: for memory that serves one layer after the other.
struct MaxLayerShape {
  int64_t heads = 1, dim = 1;
};
inline MaxLayerShape max_key_shape(const Layers &layers) {
  MaxLayerShape max;
  for (const Layer &layer : layers) {
    max.heads = std::max<int64_t>(max.heads, layer.kv_heads);
    max.dim = std::max<int64_t>(max.dim, layer.head_dim_k);
  }
  return max;
}

// The names that plugins written against kvern 1.0 use.
using Widest = MaxLayerShape;
inline MaxLayerShape widest_keys(const Layers &layers) { return max_key_shape(layers); }

namespace detail {
inline Layer read_layer(const kvern_layer &theirs, std::size_t number) {
  const kvern_layer layer = known_part(theirs);
  Layer ours{layer.kind,     layer.flags,        layer.q_heads,
             layer.kv_heads, layer.head_dim_k,   layer.head_dim_v,
             layer.window,   layer.shares_layer, {}};
  if (layer.kind > KVERN_LAYER_CROSS) {
    fail(KVERN_UNSUPPORTED, "layer ", number, " has the unknown kind ", layer.kind,
         "; build the plugin against a newer SDK");
  }
  const bool sizes = layer.kv_heads > 0 && layer.head_dim_k > 0 && layer.head_dim_v > 0;
  if (ours.holds_keys() && !sizes) {
    fail(KVERN_INVALID_ARGUMENT, "layer ", number, " has ", layer.kv_heads, " key heads of ",
         layer.head_dim_k, " and ", layer.head_dim_v, " elements: all must be positive");
  }
  if (ours.values_in_keys() && layer.head_dim_v > layer.head_dim_k) {
    fail(KVERN_INVALID_ARGUMENT, "layer ", number, " has its values in its keys, but they are longer");
  }
  for (int32_t i = 0; i < layer.n_states; ++i) {
    const DLTensor &state = layer.state_prototypes[i];
    ours.states.push_back({state.dtype, std::vector<int64_t>(state.shape, state.shape + state.ndim)});
    ours.states.back().elements();
  }
  return ours;
}
}  // namespace detail

/// Could one cache's rows stand beside the other's, one cache's file be read by the other?
inline bool same_layers(const Layers &a, const Layers &b) {
  const auto same_states = [](const Layer &x, const Layer &y) {
    if (x.states.size() != y.states.size()) return false;
    for (std::size_t i = 0; i < x.states.size(); ++i) {
      if (!same_type(x.states[i].type, y.states[i].type) || x.states[i].shape != y.states[i].shape)
        return false;
    }
    return true;
  };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i].kind == b[i].kind && a[i].flags == b[i].flags && a[i].kv_heads == b[i].kv_heads &&
                      a[i].head_dim_k == b[i].head_dim_k && a[i].head_dim_v == b[i].head_dim_v &&
                      a[i].window == b[i].window && same_states(a[i], b[i]);
    if (!same) return false;
  }
  return true;
}

KVERN_SDK_END
