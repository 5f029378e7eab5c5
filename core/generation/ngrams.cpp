#include "core/generation/ngrams.hpp"

#include <algorithm>

#include "core/generation/processors.hpp"

namespace kvern {

std::span<const int64_t> ids_of_row(const at::Tensor &ids, int64_t row) {
  const auto length = static_cast<size_t>(ids.size(1));
  return {ids.const_data_ptr<int64_t>() + static_cast<size_t>(row) * length, length};
}

void filter_ngrams(at::Tensor scores, std::span<const int64_t> known, std::span<const int64_t> ids,
                   int64_t size) {
  const auto n = static_cast<size_t>(size) - 1;  // ids before the last of an n-gram
  if (ids.size() < n) return;
  const auto begin = ids.subspan(ids.size() - n);
  auto *out = scores.data_ptr<float>();
  for (size_t i = 0; i + n < known.size(); ++i)
    if (std::equal(begin.begin(), begin.end(), known.begin() + static_cast<int64_t>(i)))
      out[known[i + n]] = static_cast<float>(kFiltered);
}

}  // namespace kvern
