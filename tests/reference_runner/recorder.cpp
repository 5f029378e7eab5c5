#include "tests/reference_runner/recorder.hpp"

#include <algorithm>

#include "core/torch/torch.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {

void Recorder::operator()(int64_t step, const at::Tensor &got) {
  if (step == 0) rows_ = got.size(0);
  // Rows that have ended may be dropped; transformers goes on computing them.
  if (step < want_.size(0) && got.size(0) == rows_) got_.push_back(got.slice(0, 0, want_.size(1)).clone());
}

void Recorder::compare(Tolerance tolerance, const std::string &what, int64_t max) const {
  const auto n = std::min(max, static_cast<int64_t>(got_.size()));
  if (n == 0) return;
  auto got = at::stack(at::ArrayRef(got_).slice(0, static_cast<size_t>(n)));
  auto want = want_.slice(0, 0, n);
  // What a processor filtered out is -inf in both.
  const auto filtered = want.isinf();
  if (!got.isinf().equal(filtered)) fail(what + ": other tokens were filtered out");
  expect_close(got.masked_fill(filtered, 0), want.masked_fill(filtered, 0), tolerance, what);
}

std::optional<Recorder> recorder(const Case &c, const std::vector<std::string> &names) {
  auto file = c.file;
  if (!std::filesystem::exists(file.replace_extension(".safetensors"))) return {};
  const auto tensors = sidecar(c);
  for (const auto &name : names)
    if (tensors.contains(name)) return Recorder(load(tensors, name));
  return {};
}

}  // namespace kvern::reference
