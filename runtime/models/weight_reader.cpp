// Lookup with the checks that make a wrong file a clear message.
#include "runtime/models/weight_reader.hpp"

#include <algorithm>
#include <iterator>
#include <kvern/error.hpp>
#include <new>
#include <utility>

#include "devices/cpu/cpu_queue.hpp"
#include "kernels/elementwise.hpp"
#include "runtime/files/shape_text.hpp"

namespace kvern::models {
namespace {

std::string axes_text(const std::vector<Axis> &axes) {
  std::vector<int64_t> shape;
  std::string names;
  for (const Axis &axis : axes) {
    names += (shape.empty() ? "" : ", ") + axis.name;
    shape.push_back(axis.extent);
  }
  return files::shape_text(shape) + " (" + names + ")";
}

bool matches(const std::vector<int64_t> &shape, const std::vector<Axis> &axes) {
  if (shape.size() != axes.size()) return false;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (shape[i] != axes[i].extent) return false;
  }
  return true;
}

std::string digits(const std::string &name) {
  std::string found;
  std::copy_if(name.begin(), name.end(), std::back_inserter(found),
               [](char c) { return c >= '0' && c <= '9'; });
  return found;
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

/// Where it is mapped, or converted in memory of its own.
Weight convert(const files::TensorView &view, kernels::Dtype from, std::optional<kernels::Dtype> to) {
  if (!to || *to == from) return {view.data, from, view.shape, view.owner};
  Weight weight{nullptr, *to, view.shape, nullptr};
  const int64_t n = weight.size();
  const std::shared_ptr<void> memory(::operator new(n *kernels::size_of(*to), std::align_val_t(64)),
                                     [](void *p) { ::operator delete(p, std::align_val_t(64)); });
  kernels::ConvertCall call;
  call.rows = view.shape.size() > 1 ? view.shape[0] : 1;
  call.dim = call.rows ? n / call.rows : 0;
  call.from = view.data;
  call.from_type = from;
  call.to = memory.get();
  call.to_type = *to;
  call.from_stride = call.to_stride = call.dim;
  cpu_queue().convert(call);
  weight.data = memory.get();
  weight.owner = memory;
  return weight;
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

WeightReader::WeightReader(files::Weights weights, std::optional<Dtype> dtype, Queue &queue)
    : weights_(std::move(weights)), queue_(queue) {
  if (dtype) dtype_ = kernel_dtype(*dtype);
}

// Another layer's tensor, and one that has its place, is never what was meant.
std::string WeightReader::nearest(const std::string &name) const {
  std::vector<std::string> candidates;
  for (const std::string &candidate : weights_.names()) {
    if (digits(candidate) == digits(name) && read_.count(candidate) == 0) candidates.push_back(candidate);
  }
  return did_you_mean(name, candidates);
}

void WeightReader::refuse(const std::string &name, const std::string &why) const {
  throw Error(ErrorKind::model, weights_.folder().string() + ": tensor '" + name + "' " + why);
}

Weight WeightReader::read(const std::string &name, const std::vector<Axis> &axes) {
  return read(name, axes, dtype_);
}

Weight WeightReader::read_as(Dtype dtype, const std::string &name, const std::vector<Axis> &axes) {
  return read(name, axes, kernel_dtype(dtype));
}

// Checked, and converted if `to` says so.
Weight WeightReader::checked(const std::string &name, const std::vector<Axis> &axes,
                             std::optional<kernels::Dtype> to) const {
  if (!weights_.contains(name)) {
    refuse(name, "is missing" + weights_.misplaced(name) + "; its shape would be " + axes_text(axes) +
                     nearest(name) + weights_.quantization_hint());
  }
  const files::TensorView view = weights_.tensor(name);
  if (!matches(view.shape, axes)) {
    refuse(name, "has the shape " + files::shape_text(view.shape) + ", but config.json asks for " +
                     axes_text(axes) + weights_.quantization_hint());
  }
  const auto known = read_.find(name);
  if (known != read_.end()) return known->second;
  const auto type = float_type(view.dtype);
  if (!type) {
    refuse(name, "is of type " + std::string(files::dtype_name(view.dtype)) +
                     "; weights should be F32, BF16 or F16" + weights_.quantization_hint());
  }
  return convert(view, *type, to);
}

Weight WeightReader::read(const std::string &name, const std::vector<Axis> &axes,
                          std::optional<kernels::Dtype> to) {
  Weight weight = checked(name, axes, to);
  if (read_.count(name) != 0) return weight;
  weight = on_device(weight, queue_);
  return record(name, weight);
}

Weight WeightReader::read_on_host(const std::string &name, const std::vector<Axis> &axes) {
  return read_on_host(name, axes, dtype_);
}

Weight WeightReader::read_on_host_as(Dtype dtype, const std::string &name, const std::vector<Axis> &axes) {
  return read_on_host(name, axes, kernel_dtype(dtype));
}

Weight WeightReader::read_on_host(const std::string &name, const std::vector<Axis> &axes,
                                  std::optional<kernels::Dtype> to) {
  const Weight weight = checked(name, axes, to);
  return read_.count(name) != 0 ? weight : record(name, weight);
}

const Weight &WeightReader::record(const std::string &name, const Weight &weight) {
  count(name, weight.size());
  bytes_ += weight.size() * kernels::size_of(weight.dtype);
  if (record_) record_->plain.emplace(name, weight);
  return read_.emplace(name, weight).first->second;
}

void WeightReader::set_packing(const Packing &packing, const files::Quantization &quantization,
                               ReadRecord *record) {
  if (queue_.place().device_type != kDLCPU && (packing.asks() || quantization))
    throw Error(ErrorKind::model,
                weights_.folder().string() +
                    ": packed weights are multiplied on the CPU only; the device should be cpu, "
                    "or weights of float32, bfloat16 or float16 used as they are");
  packing_ = packing;
  quantization_ = quantization;
  record_ = record;
}

Weight WeightReader::peek(const std::string &name, const std::vector<Axis> &axes) const {
  return checked(name, axes, std::nullopt);
}

kernels::Dtype WeightReader::dtype_of(const std::string &name) const {
  if (dtype_) return *dtype_;
  if (has_plain(name)) return float_type(raw(name).dtype).value_or(kernels::Dtype::f32);
  const std::optional<Dtype> before = float_dtype_from_name(quantization_.dtype);
  return before ? kernel_dtype(*before) : kernels::Dtype::f32;
}

// A packed head beside the table that it is tied to is no second parameter.
void WeightReader::count(const std::string &name, int64_t elements) {
  if (counted_.insert(name).second) parameters_ += elements;
}

PackedWeight WeightReader::keep_packed(const std::string &name, PackedWeight packed) {
  if (queue_.place().device_type != kDLCPU)
    refuse(name, "is packed; packed weights are multiplied on the CPU only");
  count(name, packed.matrix.n * packed.matrix.k);
  bytes_ += packed.matrix.bytes();
  if (record_) record_->packed.emplace(name, packed);
  return packed;
}

}  // namespace kvern::models
