// From the names and sizes of a description to weights in their places. Used while a model is made.
#pragma once
#include <string>
#include <vector>

#include "runtime/models/description.hpp"
#include "runtime/models/packed_reader.hpp"

namespace kvern::models {

/// Reads the tensors under one prefix. Borrows both; each function throws what WeightReader::read throws.
class TensorReader {
 public:
  TensorReader(const DecoderDescription &description, WeightReader &weights, std::string prefix)
      : description_(description), weights_(weights), prefix_(std::move(prefix)) {}

  const DecoderDescription &description() const { return description_; }
  WeightReader &weights() const { return weights_; }
  TensorReader under(const std::string &name) const { return {description_, weights_, prefix_ + name}; }

  Axis hidden() const { return {"hidden_size", description_.hidden_size}; }
  /// NAME as it is.
  Weight tensor(const std::string &name, const std::vector<Axis> &axes) const {
    return weights_.read(prefix_ + name, axes);
  }
  /// NAME as float32.
  Weight floats(const std::string &name, const std::vector<Axis> &axes) const {
    return weights_.read_as(Dtype::f32, prefix_ + name, axes);
  }
  /// Both in host memory, wherever the model computes.
  Weight tensor_on_host(const std::string &name, const std::vector<Axis> &axes) const {
    return weights_.read_on_host(prefix_ + name, axes);
  }
  Weight floats_on_host(const std::string &name, const std::vector<Axis> &axes) const {
    return weights_.read_on_host_as(Dtype::f32, prefix_ + name, axes);
  }
  /// The model's kind of norm; empty if the name is.
  NormLayer norm(const std::string &name, const Axis &axis) const;
  /// One for each entry of `rows`, with a weight [rows, axis].
  NormLayer norms(const std::string &name, const Axis &rows, const Axis &axis) const;
  Matrix matrix(const std::string &name, const Axis &out, const Axis &in, bool bias) const;
  /// The matrix of tensor NAME as it is packed; empty where it is not.
  PackedWeight packed(const std::string &name, const MatrixSource &source) const {
    return read_packed(weights_, prefix_ + name, source);
  }
  /// One name for all outputs, or one for each.
  Projection projection(const ProjectionNames &names, const std::vector<Axis> &outs, const Axis &in) const;
  Residual residual(const ResidualDescription &description) const;

 private:
  NormLayer read_norm(const std::string &name, const std::vector<Axis> &axes) const;

  const DecoderDescription &description_;
  WeightReader &weights_;
  std::string prefix_;
};

}  // namespace kvern::models
