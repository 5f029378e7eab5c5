#include "runtime/models/embedding_table.hpp"

namespace kvern::models {
namespace {

int embedding_bits(const Packing &packing, const PackedWeight *tied_head) {
  if (packing.embedding_bits != 0) return packing.embedding_bits;
  return tied_head != nullptr && *tied_head && tied_head->matrix.bits == 8 ? 8 : 16;
}

/// Is the packed head also what ids look up?
bool is_head(const WeightReader &weights, const std::string &name, const PackedWeight *tied_head) {
  if (tied_head == nullptr) return false;
  if (weights.has_packed(name)) return !weights.has_plain(name);
  const int bits = embedding_bits(weights.packing(), tied_head);
  if (bits == 16) return false;
  if (!*tied_head || tied_head->matrix.bits != bits)
    weights.refuse(name,
                   "is the matrix of the head, too (tie_word_embeddings), so that weights.embedding_bits = " +
                       std::to_string(bits) + " asks for weights.head_bits = " + std::to_string(bits) +
                       "; or take weights.embedding_bits = 16, the table as it is stored beside the head");
  return true;
}

}  // namespace

void read_embedding_table(WeightReader &weights, const std::string &name, const Axis &vocab,
                          const Axis &hidden, const PackedWeight *tied_head, Embedding &to) {
  if (is_head(weights, name, tied_head)) {
    to.packed = *tied_head;
    return;
  }
  MatrixSource source{vocab, hidden};
  source.part = MatrixPart::embedding;
  if (tied_head == nullptr) to.packed = read_packed(weights, name, source);
  if (!to.packed) to.tokens = weights.read(name, {vocab, hidden});
}

}  // namespace kvern::models
