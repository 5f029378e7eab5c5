// The table of token embeddings as it is stored, or packed: a tied head and its table are one matrix then.
#pragma once
#include <string>

#include "runtime/models/layers/embedding.hpp"
#include "runtime/models/packed_reader.hpp"

namespace kvern::models {

/// Reads tensor `name`, [vocab, hidden], to `to`.tokens or `to`.packed, as Packing::embedding_bits says or a packed folder holds it.
/// `tied_head`: the matrix of the head where it is this table, read before; NULL where the head is another. Throws what
/// WeightReader::read and read_packed throw, and Error(model) where a tied table is to have other bits than the head.
void read_embedding_table(WeightReader &weights, const std::string &name, const Axis &vocab,
                          const Axis &hidden, const PackedWeight *tied_head, Embedding &to);

}  // namespace kvern::models
