// Memory in which one layer at a time is laid out densely, for callers that read keys of a cache that keeps them in another way.
#pragma once
#include <kvern/sdk/row_block.hpp>

KVERN_SDK_BEGIN

/// Taken by begin where a step only reads, the step before exported, or the host attends (on a device), else by the first export; freed after a step without one
/// (rule 3.2 of docs/abi.md).
class ExportMemory {
 public:
  explicit ExportMemory(const BlockLayout &layout) {
    for (const BlockLayout::Part &part : layout.parts) {
      k_size_ = std::max(k_size_, part.heads * part.dim_k);
      v_size_ = std::max(v_size_, part.values_in_keys ? 0 : part.heads * part.dim_v);
    }
  }
  /// Without memory.
  ExportMemory(const ExportMemory &other) : k_size_(other.k_size_), v_size_(other.v_size_) {}

  int64_t bytes() const { return k_.bytes() + v_.bytes(); }

  /// Throws the host's failure.
  void begin(const BlockLayout &layout, const Step &step, int64_t columns) {
    if (step.n_new == 0 || expected_ || layout.mover.on_device())
      reserve(layout, product(step.rows, columns));
    used_ = false;
  }
  void end() {
    expected_ = used_;
    if (!used_) free();
  }
  void free() { k_ = Buffer(), v_ = Buffer(); }

  /// Describes keys and values [rows, heads, columns, dim] of a layer, to be written. out_v may be nullptr where values lie in keys.
  void describe(const BlockLayout &layout, int number, int64_t rows, int64_t columns, DLTensor *out_k,
                DLTensor *out_v) {
    const BlockLayout::Part &part = layout.parts[number];
    const int64_t tokens = product(rows, columns);
    reserve(layout, tokens);
    used_ = true;
    std::byte *k = tokens > 0 ? k_.fill({0, 0, tokens}) : nullptr;
    std::byte *v = part.values_in_keys ? k : tokens > 0 ? v_.fill({0, 0, tokens}) : nullptr;
    const auto tensor = [&](OutTensor &desc, DLTensor *out, std::byte *data, int64_t dim, int64_t slot) {
      desc.export_to(out, data, layout.host.device(), layout.type, {rows, part.heads, columns, dim},
                     {part.heads * columns * slot, columns * slot, slot});
    };
    tensor(k_desc_, out_k, k, part.dim_k, part.dim_k);
    if (out_v) tensor(v_desc_, out_v, v, part.dim_v, part.values_in_keys ? part.dim_k : part.dim_v);
  }

 private:
  void reserve(const BlockLayout &layout, int64_t tokens) {
    if (tokens == 0 || (k_ && k_.size(0) >= tokens)) return;
    tokens += tokens / 8;
    free();
    Buffer k(layout.host, -1, layout.type, {tokens, k_size_});
    if (v_size_ > 0) v_ = Buffer(layout.host, -1, layout.type, {tokens, v_size_});
    k_ = std::move(k);
  }

  int64_t k_size_ = 0, v_size_ = 0;  // elements of a token, of the largest layer
  bool used_ = false, expected_ = false;
  Buffer k_, v_;
  OutTensor k_desc_, v_desc_;
};

KVERN_SDK_END
