#include "tests/reference_runner/compare.hpp"

#include <sstream>

#include "core/torch/torch.hpp"
#include "tests/reference_runner/outcome.hpp"

namespace kvern::reference {
namespace {

at::ScalarType scalar_type(files::Dtype dtype, const std::string &name) {
  if (dtype == files::Dtype::f32) return at::kFloat;
  if (dtype == files::Dtype::f16) return at::kHalf;
  if (dtype == files::Dtype::i64) return at::kLong;
  fail("tensor " + name + " has type " + std::string(files::dtype_name(dtype)));
}

std::string shape_text(const at::Tensor &t) {
  std::ostringstream text;
  text << t.sizes();
  return text.str();
}

}  // namespace

Tolerance tolerance_of(const Case &c) {
  Tolerance t;
  if (!c.json.contains("tolerance")) return t;
  t.atol = c.json["tolerance"].value("atol", t.atol);
  t.rtol = c.json["tolerance"].value("rtol", t.rtol);
  return t;
}

files::SafetensorsFile sidecar(const Case &c) {
  auto file = c.file;
  return files::SafetensorsFile(file.replace_extension(".safetensors"));
}

at::Tensor load(const files::SafetensorsFile &file, const std::string &name) {
  const auto view = file.tensor(name);
  return at::from_blob(
      const_cast<void *>(view.data), view.shape, [owner = view.owner](void *) {},
      at::TensorOptions(scalar_type(view.dtype, name)));
}

void expect_close(const at::Tensor &got, const at::Tensor &want, Tolerance tolerance,
                  const std::string &what) {
  if (got.sizes() != want.sizes())
    fail(what + " has shape " + shape_text(got) + ", expected " + shape_text(want));
  if (want.numel() == 0) return;
  const auto off = (got - want).abs() - (tolerance.atol + tolerance.rtol * want.abs());
  const auto excess = off.max().item<double>();
  if (excess <= 0) return;  // a NaN fails
  std::ostringstream text;
  text << what << " differs by up to " << (got - want).abs().max().item<double>() << " (allowed "
       << tolerance.atol << " + " << tolerance.rtol << " x)";
  fail(text.str());
}

void expect_ids(const Ids &got, const Ids &want) {
  if (got.size() != want.size())
    fail(std::to_string(got.size()) + " rows, expected " + std::to_string(want.size()));
  for (size_t r = 0; r < got.size(); ++r)
    for (size_t i = 0; i < std::max(got[r].size(), want[r].size()); ++i) {
      const std::string place = "row " + std::to_string(r) + ", token " + std::to_string(i) + ": ";
      if (i >= got[r].size()) fail(place + "ended, expected " + std::to_string(want[r][i]));
      if (i >= want[r].size()) fail(place + std::to_string(got[r][i]) + ", expected the end");
      if (got[r][i] != want[r][i])
        fail(place + std::to_string(got[r][i]) + ", expected " + std::to_string(want[r][i]));
    }
}

}  // namespace kvern::reference
