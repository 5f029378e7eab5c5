// Where the blocks of each row are packed and where they are not: what attention over both needs to know.
#pragma once
#include <cstdint>
#include <vector>

namespace kvern::paged {

/// Neighbouring blocks of a row that are not packed.
struct DenseRun {
  std::size_t first = 0, blocks = 0;
};

struct RowRuns {
  std::vector<std::size_t> packed;  ///< blocks
  std::vector<DenseRun> dense;
};

/// is_packed(i) of the row's blocks.
template <class IsPacked>
RowRuns runs_of(std::size_t blocks, IsPacked is_packed) {
  RowRuns runs;
  bool dense = false;
  for (std::size_t i = 0; i < blocks; ++i) {
    if (is_packed(i)) {
      runs.packed.push_back(i);
    } else if (dense) {
      ++runs.dense.back().blocks;
    } else {
      runs.dense.push_back({i, 1});
    }
    dense = !is_packed(i);
  }
  return runs;
}

}  // namespace kvern::paged
