// Comparing what kvern computes with the tensors beside a case.
#pragma once
#include <kvern/model.hpp>
#include <string>
#include <vector>

#include "runtime/files/safetensors.hpp"
#include "tests/reference_runner/case.hpp"

namespace kvern::reference {

struct Tolerance {
  double atol = 1e-3, rtol = 1e-4;
};

/// `tolerance` of the case, or the default.
Tolerance tolerance_of(const Case &c);

/// The safetensors file beside the case.
files::SafetensorsFile sidecar(const Case &c);

/// A float32 or int64 tensor of it, borrowed from the mapping, which the tensor keeps alive.
at::Tensor load(const files::SafetensorsFile &file, const std::string &name);

/// Ends the case as failed if shapes or numbers differ, naming the first place and the largest difference.
void expect_close(const at::Tensor &got, const at::Tensor &want, Tolerance tolerance,
                  const std::string &what);

using Ids = std::vector<std::vector<int64_t>>;

/// Ends the case as failed if the rows differ, naming the first difference.
void expect_ids(const Ids &got, const Ids &want);

}  // namespace kvern::reference
