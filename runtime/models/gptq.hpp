// Checkpoints of GPTQ (Frantar et al. 2022) and AWQ (Lin et al. 2023) with 4 bits, repacked for kvern's kernels; scales and zeros stay
// what they are.
//
// GPTQ: qweight I32 [in / 8, out], qzeros I32 [groups, out / 8], low halves first; scales [groups, out]; g_idx I32 [in], the group
// of each input, which may come in any order (act-order). AWQ: qweight I32 [in, out / 8] and qzeros, eight outputs in the order
// 0 2 4 6 1 3 5 7; scales alike.
#pragma once
#include <string>

#include "runtime/models/packed_reader.hpp"

namespace kvern::models {

/// Is the matrix of tensor `name` (NAME.weight) there as NAME.qweight, and is the folder one of GPTQ or AWQ?
bool has_four_bit_tensors(const WeightReader &weights, const std::string &name);

/// Throws Error(model) where a tensor of it is missing, of another shape or type, or groups are not of one size.
PackedWeight read_four_bit_tensors(const WeightReader &weights, const std::string &name,
                                   const MatrixSource &source);

}  // namespace kvern::models
