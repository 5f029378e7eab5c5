// A mixture of experts from its description: one table of pointers, however the file holds the experts.
#include <array>

#include "runtime/models/build_decoder.hpp"

namespace kvern::models {
namespace {

/// Element `i` of a tensor.
const void *at(const Weight &weight, int64_t i) { return kernels::element_at(weight.data, weight.dtype, i); }

void keep(const Weight &weight, ExpertTable &table) {
  table.type = weight.dtype;
  if (table.owners.empty() || table.owners.back() != weight.owner) table.owners.push_back(weight.owner);
}

/// Rows [first, first + n) of a packed matrix, kept by the table.
const kernels::PackedMatrix *keep_packed(const PackedWeight &weight, int64_t first, int64_t n,
                                         ExpertTable &table) {
  if (table.owners.empty() || table.owners.back() != weight.owner) table.owners.push_back(weight.owner);
  return &table.packed.emplace_back(packed_rows(weight.matrix, first, n));
}

/// A tensor of one expert: packed, or as it is.
const void *read_part(const std::string &name, const Axis &out, const Axis &in, const TensorReader &reader,
                      ExpertTable &table, const kernels::PackedMatrix *&packed) {
  if (const PackedWeight weight = reader.packed(name, {out, in})) {
    packed = keep_packed(weight, 0, weight.matrix.n, table);
    return nullptr;
  }
  const Weight weight = reader.tensor(name, {out, in});
  keep(weight, table);
  return weight.data;
}

/// Gate, up and down of separate tensors, or without `up` gate and up in one.
kernels::Expert read_expert(const std::string &gate, const std::string &up, const std::string &down,
                            const TensorReader &reader, ExpertTable &table) {
  const Axis inner{"intermediate_size", table.width}, both{"2 * intermediate_size", 2 * table.width};
  kernels::Expert expert;
  expert.gate = read_part(gate + ".weight", up.empty() ? both : inner, reader.hidden(), reader, table,
                          expert.packed_gate);
  if (!up.empty()) {
    expert.up = read_part(up + ".weight", inner, reader.hidden(), reader, table, expert.packed_up);
  } else if (expert.gate) {
    expert.up = kernels::element_at(expert.gate, table.type, table.width * reader.hidden().extent);
  }
  expert.down = read_part(down + ".weight", reader.hidden(), inner, reader, table, expert.packed_down);
  return expert;
}

void read_one_by_one(const ExpertsDescription &d, const TensorReader &reader, ExpertTable &table) {
  for (int64_t e = 0; e < d.routing.experts; ++e) {
    const TensorReader expert = reader.under(d.names.experts + "." + std::to_string(e) + ".");
    table.experts.push_back(read_expert(d.names.gate, d.names.up, d.names.down, expert, table));
  }
}

/// A tensor of all experts, packed or as it is.
struct Stack {
  PackedWeight packed;
  Weight weight;
};

Stack read_stack(const std::string &name, const Axis &n, const Axis &out, const Axis &in,
                 const TensorReader &reader, ExpertTable &table) {
  const bool transposed = table.layout == kernels::WeightLayout::k_n;
  Stack stack;
  stack.packed = reader.packed(name, {out, in, table.layout, n.extent});
  if (stack.packed) return stack;
  stack.weight = reader.tensor(name, transposed ? std::vector{n, in, out} : std::vector{n, out, in});
  keep(stack.weight, table);
  return stack;
}

void read_stacked(const ExpertsDescription &d, const TensorReader &reader, ExpertTable &table) {
  const Axis n{"experts", d.routing.experts}, both{"2 * intermediate_size", 2 * table.width},
      inner{"intermediate_size", table.width}, hidden = reader.hidden();
  const Stack gate = read_stack(d.names.gate, n, both, hidden, reader, table),
              down = read_stack(d.names.down, n, hidden, inner, reader, table);
  Weight gate_bias, down_bias;
  if (!d.names.gate_bias.empty()) gate_bias = reader.tensor(d.names.gate_bias, {n, both});
  if (!d.names.down_bias.empty()) down_bias = reader.tensor(d.names.down_bias, {n, hidden});
  for (const Weight *weight : std::array<const Weight *, 2>{&gate_bias, &down_bias})
    if (*weight) keep(*weight, table);
  const int64_t size = table.width * hidden.extent;
  for (int64_t e = 0; e < n.extent; ++e) {
    kernels::Expert expert;
    if (gate.packed) {
      expert.packed_gate = keep_packed(gate.packed, e * both.extent, both.extent, table);
    } else {
      expert.gate = at(gate.weight, 2 * e * size), expert.up = at(gate.weight, (2 * e + 1) * size);
    }
    if (down.packed) {
      expert.packed_down = keep_packed(down.packed, e * hidden.extent, hidden.extent, table);
    } else {
      expert.down = at(down.weight, e * size);
    }
    if (gate_bias) expert.gate_bias = at(gate_bias, 2 * e * table.width);
    if (down_bias) expert.down_bias = at(down_bias, e * hidden.extent);
    table.experts.push_back(expert);
  }
}

ExpertTable empty_table(int64_t width, const kernels::ExpertActivation &activation) {
  ExpertTable table;
  table.width = width;
  table.activation = activation;
  return table;
}

ExpertTable read_routed(const ExpertsDescription &d, const TensorReader &reader) {
  ExpertTable table = empty_table(d.intermediate_size, d.activation);
  if (d.storage == ExpertStorage::stacked_transposed) table.layout = kernels::WeightLayout::k_n;
  d.storage == ExpertStorage::one_by_one ? read_one_by_one(d, reader, table) : read_stacked(d, reader, table);
  return table;
}

Matrix read_router(const std::string &name, int64_t experts, bool bias, const TensorReader &reader) {
  const Axis out{"experts", experts};
  Matrix matrix;
  matrix.weight = reader.tensor(name + ".weight", {out, reader.hidden()});
  if (bias) matrix.bias = reader.tensor(name + ".bias", {out});
  return matrix;
}

}  // namespace

std::unique_ptr<Sublayer> build_experts(const ExpertsDescription &d, const TensorReader &reader) {
  Residual residual = reader.residual(d.residual);
  ExpertsWeights weights;
  weights.routing = d.routing;
  weights.router = read_router(d.names.router, d.routing.experts, d.router_bias, reader);
  if (!d.names.correction_bias.empty())
    weights.correction_bias = reader.tensor(d.names.correction_bias, {{"experts", d.routing.experts}});
  weights.routed = read_routed(d, reader);
  if (d.shared.intermediate_size != 0) {
    const SharedExpertDescription &shared = d.shared;
    weights.shared = empty_table(shared.intermediate_size, d.activation);
    weights.shared.experts.push_back(
        read_expert(shared.gate, shared.up, shared.down, reader, weights.shared));
    if (!shared.weight.empty()) weights.shared_gate = read_router(shared.weight, 1, false, reader);
  }
  return std::make_unique<Experts>(std::move(residual), std::move(weights));
}

}  // namespace kvern::models
