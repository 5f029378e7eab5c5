// Lookup with the checks that make a wrong file a clear message.
#include "runtime/models/weight_reader.hpp"

#include <kvern/error.hpp>
#include <utility>

#include "core/kernels/elementwise.hpp"
#include "core/torch/parallel.hpp"

namespace kvern::models {
namespace {

std::string shape_text(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string axes_text(const std::vector<Axis> &axes) {
  std::vector<int64_t> shape;
  std::string names;
  for (const Axis &axis : axes) {
    names += (shape.empty() ? "" : ", ") + axis.name;
    shape.push_back(axis.extent);
  }
  return shape_text(shape) + " (" + names + ")";
}

bool matches(const std::vector<int64_t> &shape, const std::vector<Axis> &axes) {
  if (shape.size() != axes.size()) return false;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (shape[i] != axes[i].extent) return false;
  }
  return true;
}

std::optional<kernels::Dtype> float_type(files::Dtype dtype) {
  switch (dtype) {
    case files::Dtype::f32:
      return kernels::Dtype::f32;
    case files::Dtype::bf16:
      return kernels::Dtype::bf16;
    case files::Dtype::f16:
      return kernels::Dtype::f16;
    default:
      return std::nullopt;
  }
}

}  // namespace

kernels::Dtype kernel_dtype(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return kernels::Dtype::f32;
    case Dtype::bf16:
      return kernels::Dtype::bf16;
    case Dtype::f16:
      return kernels::Dtype::f16;
    default:
      throw Error(ErrorKind::internal, "weights cannot be of type " + std::string(dtype_name(dtype)));
  }
}

Dtype host_dtype(kernels::Dtype dtype) {
  if (dtype == kernels::Dtype::f32) return Dtype::f32;
  return dtype == kernels::Dtype::bf16 ? Dtype::bf16 : Dtype::f16;
}

WeightReader::WeightReader(files::Weights weights, std::optional<Dtype> dtype)
    : weights_(std::move(weights)) {
  if (dtype) dtype_ = kernel_dtype(*dtype);
}

void WeightReader::choose_prefix(const std::vector<std::string> &prefixes, const std::string &probe) {
  prefix_ = prefixes.empty() ? "" : prefixes.front();
  for (const std::string &prefix : prefixes) {
    if (!weights_.contains(prefix + probe)) continue;
    prefix_ = prefix;
    return;
  }
}

// The head stands outside of the part that the prefix names.
std::string WeightReader::full_name(const std::string &name) const {
  return weights_.contains(name) ? name : prefix_ + name;
}

bool WeightReader::contains(const std::string &name) const { return weights_.contains(full_name(name)); }

void WeightReader::refuse(const std::string &name, const std::string &why) const {
  throw Error(ErrorKind::model, weights_.folder().string() + ": tensor '" + name + "' " + why);
}

Weight WeightReader::read(const std::string &name, const std::vector<Axis> &axes) {
  const std::string full = full_name(name);
  if (!weights_.contains(full)) {
    refuse(full, "is missing; its shape would be " + axes_text(axes) + did_you_mean(full, weights_.names()));
  }
  const files::TensorView view = weights_.tensor(full);
  if (!matches(view.shape, axes)) {
    refuse(full, "has the shape " + shape_text(view.shape) + ", but config.json asks for " + axes_text(axes));
  }
  const auto known = read_.find(full);
  if (known != read_.end()) return known->second;
  const auto type = float_type(view.dtype);
  if (!type) {
    refuse(full, "is of type " + std::string(files::dtype_name(view.dtype)) +
                     "; weights should be F32, BF16 or F16");
  }
  const Weight weight = convert(view, *type);
  parameters_ += weight.size();
  bytes_ += weight.size() * kernels::size_of(weight.dtype);
  return read_.emplace(full, weight).first->second;
}

Weight WeightReader::convert(const files::TensorView &view, kernels::Dtype from) const {
  if (!dtype_ || *dtype_ == from) return {view.data, from, view.shape, view.owner};
  Weight weight{nullptr, *dtype_, view.shape, nullptr};
  const int64_t n = weight.size();
  const std::shared_ptr<void> memory(::operator new(n *kernels::size_of(*dtype_), std::align_val_t(64)),
                                     [](void *p) { ::operator delete(p, std::align_val_t(64)); });
  kernels::ConvertCall call;
  call.rows = view.shape.size() > 1 ? view.shape[0] : 1;
  call.dim = call.rows ? n / call.rows : 0;
  call.from = view.data;
  call.from_type = from;
  call.to = memory.get();
  call.to_type = *dtype_;
  call.from_stride = call.to_stride = call.dim;
  kernels::convert(call, parallel());
  weight.data = memory.get();
  weight.owner = memory;
  return weight;
}

}  // namespace kvern::models
