// n-grams of a row, for the processors that let them occur once.
#pragma once
#include <cstdint>
#include <span>

#include "core/torch/torch.hpp"

namespace kvern {

/// The ids of one row of a contiguous int64 [R, L].
std::span<const int64_t> ids_of_row(const at::Tensor &ids, int64_t row);

/// Filters in `scores` (float32 [V]) what would complete an n-gram of `size` that occurs in `known`, behind `ids`.
void filter_ngrams(at::Tensor scores, std::span<const int64_t> known, std::span<const int64_t> ids,
                   int64_t size);

}  // namespace kvern
