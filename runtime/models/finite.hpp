// Where values that are not finite arise: for the message of a run that met some.
#pragma once
#include <string>

#include "devices/queue.hpp"
#include "runtime/models/layers/matrix_view.hpp"

namespace kvern::models {

/// Throws Error(model) that names `place` ("layer 3, attention") if one of x [rows, dim] is NaN or infinite.
void check_finite(const MatrixView &x, int64_t dim, Queue &queue, const std::string &place);

}  // namespace kvern::models
