// Which tensor must have which shape.
#include "runtime/models/tensor_reader.hpp"

namespace kvern::models {

NormLayer TensorReader::read_norm(const std::string &name, const std::vector<Axis> &axes) const {
  const NormDescription &kind = description_.norm;
  if (name.empty()) return {};
  NormLayer norm;
  norm.kind = kind.kind;
  norm.eps = kind.eps;
  norm.offset = kind.offset;
  norm.weight = tensor(name + ".weight", axes);
  if (kind.bias) norm.bias = tensor(name + ".bias", axes);
  return norm;
}

NormLayer TensorReader::norm(const std::string &name, const Axis &axis) const {
  return read_norm(name, {axis});
}

NormLayer TensorReader::norms(const std::string &name, const Axis &rows, const Axis &axis) const {
  return read_norm(name, {rows, axis});
}

Matrix TensorReader::matrix(const std::string &name, const Axis &out, const Axis &in, bool bias) const {
  Matrix matrix;
  const bool transposed = description_.transposed;
  matrix.layout = transposed ? kernels::WeightLayout::k_n : kernels::WeightLayout::n_k;
  matrix.packed = packed(name + ".weight", {out, in, matrix.layout});
  if (!matrix.packed)
    matrix.weight = tensor(name + ".weight", transposed ? std::vector{in, out} : std::vector{out, in});
  if (bias) matrix.bias = tensor(name + ".bias", {out});
  return matrix;
}

Projection TensorReader::projection(const ProjectionNames &names, const std::vector<Axis> &outs,
                                    const Axis &in) const {
  std::vector<Axis> of_name = outs;
  for (size_t i = 1; names.names.size() == 1 && i < outs.size(); ++i) {
    of_name[0].name += " + " + outs[i].name;
    of_name[0].extent += outs[i].extent;
  }
  Projection projection;
  for (size_t i = 0; i < names.names.size(); ++i) {
    projection.parts.push_back(matrix(names.names[i], of_name[i], in, names.bias));
  }
  return projection;
}

Residual TensorReader::residual(const ResidualDescription &from) const {
  return {from.input, norm(from.norm, hidden()), norm(from.post_norm, hidden()), from.multiplier,
          norm(from.stream_norm, hidden())};
}

}  // namespace kvern::models
