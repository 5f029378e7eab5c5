// Checks for NaN and infinity: cheap ones of logits in every step, and those that find where the first one arose.
#pragma once
#include <cstdint>
#include <kvern/error.hpp>
#include <string>

#include "devices/queue.hpp"

namespace kvern {

/// Is none of n elements of host memory NaN or infinite? A fraction of a nanosecond per element.
bool all_finite(const float *x, int64_t n);

/// [rows, dim] float32 in the queue's memory, rows `stride` elements apart. Waits for the queue.
bool all_finite(Queue &queue, const float *x, int64_t rows, int64_t dim, int64_t stride);

/// Error(model): "WHERE: computed WHAT; the weights ...".
Error non_finite_error(const std::string &where, const std::string &what);

/// For Input::locate_non_finite: throws non_finite_error, which says NaN or infinite, unless all elements are finite.
/// where: "layer 3, attention".
void require_finite(Queue &queue, const float *x, int64_t rows, int64_t dim, int64_t stride,
                    const std::string &where);

}  // namespace kvern
