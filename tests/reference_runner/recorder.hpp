// Logits or scores of the first steps of a generation, beside the recorded ones.
#pragma once
#include <cstdint>
#include <kvern/model.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/reference_runner/compare.hpp"

namespace kvern::reference {

class Recorder {
 public:
  /// want: [steps, rows, V]
  explicit Recorder(at::Tensor want) : want_(std::move(want)) {}
  void operator()(int64_t step, const at::Tensor &got);
  /// Of the first `max` steps.
  void compare(Tolerance tolerance, const std::string &what, int64_t max) const;

 private:
  at::Tensor want_;
  std::vector<at::Tensor> got_;
  int64_t rows_ = 0;
};

/// For the first of these tensors that the case has.
std::optional<Recorder> recorder(const Case &c, const std::vector<std::string> &names);

}  // namespace kvern::reference
