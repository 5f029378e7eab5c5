// Rows are fitted group by group (group_fit.hpp); of 4 bits with the levels that a sample of the rows fits best.
#include "kernels/weights/quantize.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#include <vector>

#include "kernels/scratch.hpp"
#include "kernels/weights/group_fit.hpp"

namespace kvern::kernels {
namespace {

constexpr int64_t kSampledRows = 32;

/// Even steps, and levels that are the closer to the middle the denser, from a little to as normally distributed weights would
/// have it. Groups of 32 are fitted best by the second or the third, large ones by the last.
constexpr Levels kChoices[] = {{0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60},
                               {0, 5, 10, 14, 18, 22, 26, 30, 33, 37, 41, 45, 49, 53, 58, 63},
                               {0, 6, 11, 15, 19, 23, 26, 30, 33, 37, 40, 44, 48, 52, 57, 63},
                               kNormalLevels};

struct Job {
  const PackedMatrix &shape;
  const ReadRow &read;
  const float *importance;

  Group group(const float *row, int64_t i) const {
    return {row + i * shape.group, importance ? importance + i * shape.group : nullptr, shape.group};
  }
  double row_error(const float *row, const LevelTable &table) const {
    double sum = 0.0;
    for (int64_t i = 0; i < shape.groups(); ++i) {
      const Group g = group(row, i);
      sum += squared_error(g, table, fit_scale_and_zero(g, table));
    }
    return sum;
  }
  /// What every n-th row loses, taken together.
  double sampled_error(const LevelTable &table, const Parallel &parallel) const {
    const int64_t apart = std::max<int64_t>(shape.n / kSampledRows, 1), rows = (shape.n + apart - 1) / apart;
    std::vector<double> errors(static_cast<size_t>(rows));
    parallel_for(parallel, rows, 1, [&](int64_t begin, int64_t end) {
      float *row = thread_scratch(ScratchUser::quantizer, shape.k);
      for (int64_t r = begin; r < end; ++r) {
        read(r * apart, row);
        errors[static_cast<size_t>(r)] = row_error(row, table);
      }
    });
    return std::accumulate(errors.begin(), errors.end(), 0.0);
  }
  const Levels &best_levels(const Parallel &parallel) const {
    std::array<double, std::size(kChoices)> errors;
    std::transform(std::begin(kChoices), std::end(kChoices), errors.begin(),
                   [&](const Levels &levels) { return sampled_error(LevelTable(levels), parallel); });
    return kChoices[std::min_element(errors.begin(), errors.end()) - errors.begin()];
  }
  void pack_group(int64_t r, int64_t i, const float *row, const LevelTable *table,
                  const PackedTarget &to) const {
    const Group g = group(row, i);
    const uint16_t word = table ? fit_scale_and_zero(g, *table) : fit_scale(g);
    const float inverse = inverse_of(table ? scale_of(word) : f16_to_f32(word)),
                zero = table ? static_cast<float>(zero_of(word)) : 0.0f;
    to.scales[scale_index(shape, r, i * shape.group)] = word;
    for (int64_t c = 0; c < g.n; ++c) {
      const float x = g.x[c] * inverse + zero;
      store_code(shape, to.codes, r, i * shape.group + c, table ? table->code(x) : nearest_code(x));
    }
  }
};

}  // namespace

void store_code(const PackedMatrix &shape, uint8_t *codes, int64_t row, int64_t column, int code) {
  const CodeOffset at = code_offset(shape, row, column);
  uint8_t &byte = codes[at.byte];
  const auto bits = static_cast<unsigned>(code);
  if (shape.bits == 8) {
    byte = static_cast<uint8_t>(bits);
  } else {
    byte = static_cast<uint8_t>(at.high ? (byte & 15u) | bits << 4 : (byte & 240u) | (bits & 15u));
  }
}

PackedMatrix quantize_matrix(const PackedMatrix &shape, const ReadRow &read, const float *importance,
                             const PackedTarget &target, const Parallel &parallel) {
  PackedMatrix w = shape;
  w.codes = target.codes, w.scales = target.scales, w.zeros = nullptr;
  w.has_offsets = w.bits == 4;
  const Job job{w, read, importance};
  if (w.bits == 4) w.levels = job.best_levels(parallel);
  const LevelTable table(w.levels);
  parallel_for(parallel, w.panels(), 1, [&](int64_t begin, int64_t end) {
    float *row = thread_scratch(ScratchUser::quantizer, w.k);
    for (int64_t r = begin * kPanelRows; r < std::min(end * kPanelRows, w.n); ++r) {
      read(r, row);
      for (int64_t i = 0; i < w.groups(); ++i)
        job.pack_group(r, i, row, w.bits == 4 ? &table : nullptr, target);
    }
  });
  return w;
}

}  // namespace kvern::kernels
