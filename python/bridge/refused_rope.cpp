#include "python/bridge/refused_rope.hpp"

#include <cstdio>

namespace kvern::python {
namespace {

// Not UNSUPPORTED, which caches explain by the kind of rotation.
kvern_status refuse(kvern_error *error) {
  error->code = KVERN_INVALID_ARGUMENT;
  std::snprintf(error->message, sizeof error->message,
                "this cache rotates keys again, but transformers rotates them before a cache sees them and "
                "does not say by what: "
                "use dynamic, static, quantized, sliding_window or evicting, or the command line");
  return error->code;
}

kvern_status rotate(void *, int32_t, const DLTensor *, const int64_t *, int64_t, int32_t, void *, DLTensor *,
                    kvern_error *error) {
  return refuse(error);
}

kvern_status tables(void *, int32_t, const int64_t *, int64_t, float *, float *, int32_t *, int32_t *,
                    float *, kvern_error *error) {
  return refuse(error);
}

}  // namespace

const kvern_rope_1 *refused_rope() {
  static const kvern_rope_1 table{sizeof(kvern_rope_1), 0, nullptr, &rotate, &tables};
  return &table;
}

}  // namespace kvern::python
