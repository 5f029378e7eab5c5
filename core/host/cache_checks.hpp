// Checks of what a plugin returns: cheap ones, in every call. Not part of the public headers.
#pragma once
#include "core/host/cache_state.hpp"

namespace kvern {

/// Shape and type that a tensor from a plugin must have.
struct TensorSpec {
  const char *what;  ///< "keys", for the message
  int layer;
  DLDataType dtype;
  const int64_t *shape;
  int32_t ndim;
  bool last_stride_is_one;
  DLDevice device{kDLCPU, 0};
};

/// nullptr if the tensor is as expected, else what is wrong with it, in a few words.
const char *tensor_mismatch(const DLTensor &tensor, const TensorSpec &expected);

/// Throws a defect of the plugin unless the tensor is as expected.
void check_tensor(Cache::State &state, const char *verb, const DLTensor &tensor, const TensorSpec &expected);

/// Throws a defect of the plugin unless a view of the layer can be true.
void check_view(Cache::State &state, int layer, const kvern_view &view);

/// Throws a defect of the plugin unless the report can be true.
void check_info(Cache::State &state, const kvern_info &info);

}  // namespace kvern
