// One layer of a saved cache: its packed part, then the dense tokens in stretches, so that memory is taken as they arrive.
#include "plugins/quantized/quantized_layer.hpp"

namespace kvern::quantized {
namespace {

int64_t section(int64_t rows) { return std::max<int64_t>(1, 256 / std::max<int64_t>(1, rows)); }

}  // namespace

void QuantizedLayer::save(sdk::Writer &out, int64_t held) const {
  out.number(base_);
  packed_.save(out);
  const sdk::Extent have = used(held);
  for (int64_t at = 0; at < have.slots; at += section(have.rows)) {
    residual_.save(out, have.rows, at, std::min(have.slots, at + section(have.rows)));
  }
}

void QuantizedLayer::load(sdk::Reader &in, int64_t rows, int64_t held) {
  release();
  base_ = in.integer("the first dense token", std::max<int64_t>(0, held - longest_), held);
  packed_.load(in, rows, held);
  if (packed_.min_end() < base_ || packed_.min_begin() > 0) {
    sdk::fail(KVERN_BAD_DATA, "the saved cache has tokens that are neither packed nor dense");
  }
  const int64_t slots = held - base_;
  for (int64_t at = 0; at < slots; at += section(rows)) {
    const int64_t end = std::min(slots, at + section(rows));
    if (end > allocated_.slots) grow({rows, std::min(longest_, std::max(end, 2 * at))}, {rows, at});
    residual_.load(in, rows, at, end);
  }
}

}  // namespace kvern::quantized
