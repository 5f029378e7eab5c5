// Attention of a step's queries over one layer: the packed part on its blocks, the residual window in place, merged by
// log-sum-exp. Blocks are unpacked inside the kernel only, and no key is copied.
#pragma once
#include "plugins/quantized/quantized_layer.hpp"

namespace kvern::quantized {

/// Workspace kept from step to step; it grows with the number of spans and of queries only.
class Attention {
 public:
  explicit Attention(quant::ComputeDtype arithmetic) : arithmetic_(arithmetic) {}

  /// The new tokens' keys are stored already.
  void run(const kvern_attend &request, const QuantizedLayer &layer, const sdk::Slots &slots,
           const sdk::Step &step, const kernels::Parallel &parallel);

 private:
  /// lse: the request's or one's own; NULL only where nothing is packed.
  void attend_packed(const kvern_attend &request, const kvern_view &view, const QuantizedLayer &layer,
                     float *lse, const kernels::Parallel &parallel);
  void attend_dense(const kvern_attend &request, const kvern_view &view, const QuantizedLayer &layer,
                    float *lse, const kernels::Parallel &parallel);

  quant::ComputeDtype arithmetic_;
  std::vector<int64_t> q_pos_, first_pos_;
  std::vector<float> lse_;
  std::vector<quant::BlockRun> runs_;
  std::vector<quant::PackedRow> rows_;
};

}  // namespace kvern::quantized
