#include "plugins/sink/rotation.hpp"

#include <kvern/sdk/stream_scope.hpp>

namespace kvern::sink {

Rotation::Rotation(const sdk::Create &create)
    : rope_(create.host.extension<kvern_rope_1>(KVERN_ROPE_1)), rotary_dim_(create.layers.size(), 0) {
  for (std::size_t i = 0; i < create.layers.size() && rope_; ++i) {
    if (create.layers[i].kind != KVERN_LAYER_ATTENTION) continue;
    int32_t interleaved = 0;
    float factor = 1;
    kvern_error error = sdk::empty_error();
    const kvern_status status = rope_->tables(rope_->ctx, static_cast<int32_t>(i), nullptr, 0, nullptr,
                                              nullptr, &rotary_dim_[i], &interleaved, &factor, &error);
    if (status == KVERN_UNSUPPORTED) {
      sdk::fail(KVERN_UNSUPPORTED, "layer ", i,
                ": keys cannot be rotated to other positions where the rotation depends on the length of the "
                "sequence (dynamic NTK, longrope): use dynamic, static or quantized");
    }
    sdk::require(status, error);
  }
}

void Rotation::rotate(int layer, const DLTensor &x, const int64_t *by, DLTensor *out) const {
  kvern_error error = sdk::empty_error();
  // the factor of yarn is on x already
  sdk::require(
      rope_->rotate(rope_->ctx, layer, &x, by, x.shape[2], 1, sdk::StreamScope::current(), out, &error),
      error);
}

}  // namespace kvern::sink
