// Attention of a step's queries over one layer: the packed part on its blocks, the residual window in place, merged by
// log-sum-exp. Blocks are unpacked inside the kernel only, and no key is copied.
#pragma once
#include "plugins/quantized/quantized_layer.hpp"

namespace kvern::quantized {

/// Workspace kept from step to step; it grows with the number of spans and of queries only.
class Attention {
 public:
  explicit Attention(quant::ComputeDtype arithmetic) : arithmetic_(arithmetic) {}

  /// The new tokens' keys are stored already. In a tentative step each query sees packed and unquantized what it would see had the
  /// tokens come one by one, so that what is kept of them is what steps of one token give; due blocks are packed ahead.
  void run(const kvern_attend &request, const QuantizedLayer &layer, const sdk::Slots &slots,
           const sdk::Step &step, const kernels::Parallel &parallel);

 private:
  void run_one_by_one(const kvern_attend &request, const kvern_view &view, const QuantizedLayer &layer,
                      const sdk::Step &step, const kernels::Parallel &parallel);
  /// Queries at these offsets in the step; ends_ is set.
  void run_queries(const kvern_attend &request, const kvern_view &view, const QuantizedLayer &layer,
                   const sdk::Step &step, int64_t first_query, const kernels::Parallel &parallel);
  /// The blocks before ends_ of each row, to runs_ and rows_.
  void collect_blocks(const PackedRows &packed);
  /// lse: the request's or one's own; NULL only where nothing is packed.
  void attend_packed(const kvern_attend &request, const kvern_view &view, const QuantizedLayer &layer,
                     float *lse, const kernels::Parallel &parallel);
  void attend_dense(const kvern_attend &request, const kvern_view &view, const QuantizedLayer &layer,
                    float *lse, const kernels::Parallel &parallel);

  quant::ComputeDtype arithmetic_;
  std::vector<int64_t> q_pos_, first_pos_;
  std::vector<int64_t> ends_;  // [rows] columns where the packed part ends for the queries that are run
  std::vector<float> lse_;
  std::vector<quant::BlockRun> runs_;
  std::vector<quant::PackedRow> rows_;
  std::vector<int64_t> counts_;  // of runs_, by row
};

}  // namespace kvern::quantized
