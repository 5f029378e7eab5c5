// Checks of what a plugin returns, and the messages when it is wrong. Texts are made on failure only.
#include "core/host/cache_checks.hpp"

#include "core/host/tensor_text.hpp"

namespace kvern {
namespace {

constexpr int64_t kMaxKeys = int64_t{1} << 40;
constexpr uint32_t kKnownViewFlags = KVERN_VIEW_RAW_K | KVERN_VIEW_RAW_Q;

std::string actual_text(const DLTensor &tensor) {
  return tensor.shape ? tensor_text(tensor) : std::string("of no shape");
}

std::string spec_text(const TensorSpec &expected) {
  return shape_text(expected.shape, expected.ndim) + " " + dtype_text(expected.dtype) +
         (expected.device.device_type == kDLCPU ? " on the CPU" : " on the device") +
         (expected.last_stride_is_one ? ", last stride 1" : "");
}

const char *view_problem(const kvern_view &view) {
  if (view.kv_len < 0) return "less than none";
  if (view.kv_len > kMaxKeys) return "more than any memory holds";
  if (view.kv_len > 0 && !view.first_pos && !view.key_pos)
    return "without their positions: neither first_pos nor key_pos";
  if (view.key_pos && (view.row_stride < 0 || view.head_stride < 0))
    return "with a negative stride of key_pos";
  if (view.flags & ~kKnownViewFlags) return "with a flag that this host does not know";
  return nullptr;
}

}  // namespace

const char *tensor_mismatch(const DLTensor &tensor, const TensorSpec &expected) {
  if (tensor.ndim != expected.ndim || !tensor.shape) return "the shape is wrong";
  bool empty = false;
  for (int32_t i = 0; i < expected.ndim; ++i) {
    if (tensor.shape[i] != expected.shape[i]) return "the shape is wrong";
    empty = empty || expected.shape[i] == 0;
  }
  if (!same_dtype(tensor.dtype, expected.dtype)) return "the dtype is wrong";
  if (tensor.device.device_type != expected.device.device_type) return "the device is wrong";
  if (empty) return nullptr;
  if (!tensor.data) return "the data is NULL";
  const int32_t last = expected.ndim - 1;
  if (expected.last_stride_is_one && tensor.strides && tensor.shape[last] > 1 && tensor.strides[last] != 1)
    return "the last stride is not 1";
  return nullptr;
}

void check_tensor(Cache::State &state, const char *verb, const DLTensor &tensor, const TensorSpec &expected) {
  const char *wrong = tensor_mismatch(tensor, expected);
  if (!wrong) return;
  state.defect(std::string(verb) + " of layer " + std::to_string(expected.layer) + " handed out " +
               expected.what + " " + actual_text(tensor) + ", expected " + spec_text(expected) + ": " +
               wrong);
}

void check_view(Cache::State &state, int layer, const kvern_view &view) {
  const std::string where = "view of layer ";
  if (const char *wrong = view_problem(view))
    state.defect(where + std::to_string(layer) + " says that there are " + std::to_string(view.kv_len) +
                 " keys, " + wrong);
  int64_t &known = state.kv_len[static_cast<size_t>(layer)];
  if (known >= 0 && known != view.kv_len)
    state.defect(where + std::to_string(layer) + " says that there are " + std::to_string(view.kv_len) +
                 " keys, earlier in this step it said " + std::to_string(known));
  known = view.kv_len;
}

void check_info(Cache::State &state, const kvern_info &info) {
  const std::pair<const char *, int64_t> counts[] = {{"tokens", info.tokens},
                                                     {"rows", info.rows},
                                                     {"bytes_device", info.bytes_device},
                                                     {"bytes_host", info.bytes_host}};
  for (const auto &[field, count] : counts)
    if (count < 0)
      state.defect(std::string("info says ") + field + " = " + std::to_string(count) + ", less than none");
}

}  // namespace kvern
