// Memory in which one layer at a time is laid out densely, for callers that read keys of a cache that keeps them in another way.
#pragma once
#include <algorithm>
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/create.hpp>

KVERN_SDK_BEGIN

/// Taken by begin where the step is known to export or the step before did, else by the first export; freed after a step without one
/// (rule 3.2 of docs/abi.md).
class ExportMemory {
 public:
  explicit ExportMemory(const Create &create) : host_(create.host), type_(create.type) {
    for (const Layer &layer : create.layers) {
      if (layer.kind != KVERN_LAYER_ATTENTION) continue;
      k_size_ = std::max(k_size_, int64_t{layer.kv_heads} * layer.head_dim_k);
      if (!layer.values_in_keys()) v_size_ = std::max(v_size_, int64_t{layer.kv_heads} * layer.head_dim_v);
    }
  }
  /// Without memory.
  ExportMemory(const ExportMemory &other)
      : host_(other.host_), type_(other.type_), k_size_(other.k_size_), v_size_(other.v_size_) {}
  ExportMemory(ExportMemory &&) noexcept = default;

  int64_t bytes() const { return k_.bytes() + v_.bytes(); }

  /// For a step of so many tokens, rows times columns; exports: it will export. Throws the host's failure.
  void begin(int64_t tokens, bool exports) {
    grown_ = false;
    if (exports || expected_) reserve(tokens);
    used_ = false;
  }
  /// The step does not begin after all.
  void undo() noexcept {
    if (grown_) free();
  }
  void end() {
    expected_ = used_;
    if (!used_) free();
  }
  void free() noexcept { k_ = Buffer(), v_ = Buffer(); }

  /// Describes keys and values [rows, heads, columns, dim] of a layer, to be written. out_v may be nullptr where values lie in keys.
  void describe(const Layer &layer, int64_t rows, int64_t columns, DLTensor *out_k, DLTensor *out_v) {
    const int64_t tokens = product(rows, columns), heads = layer.kv_heads;
    const bool in_keys = layer.values_in_keys();
    reserve(tokens);
    used_ = true;
    std::byte *k = tokens > 0 ? k_.fill({0, 0, tokens}) : nullptr;
    std::byte *v = in_keys ? k : tokens > 0 ? v_.fill({0, 0, tokens}) : nullptr;
    const auto tensor = [&](OutTensor &desc, DLTensor *out, std::byte *data, int64_t dim, int64_t slot) {
      desc.export_to(out, data, host_.device(), type_, {rows, heads, columns, dim},
                     {heads * columns * slot, columns * slot, slot});
    };
    tensor(k_desc_, out_k, k, layer.head_dim_k, layer.head_dim_k);
    if (out_v) tensor(v_desc_, out_v, v, layer.head_dim_v, in_keys ? layer.head_dim_k : layer.head_dim_v);
  }

 private:
  /// Some more, or exactly as many where there is no memory for more.
  void reserve(int64_t tokens) {
    if (tokens == 0 || (k_ && k_.size(0) >= tokens)) return;
    free();
    try {
      allocate(tokens + tokens / 8);
    } catch (const Failure &failure) {
      if (failure.status() != KVERN_OUT_OF_MEMORY || tokens < 8) throw;
      allocate(tokens);
    }
    grown_ = true;
  }
  void allocate(int64_t tokens) {
    Buffer k(host_, -1, type_, {tokens, k_size_});
    if (v_size_ > 0) v_ = Buffer(host_, -1, type_, {tokens, v_size_});
    k_ = std::move(k);
  }

  Host host_;
  DLDataType type_;
  int64_t k_size_ = 0, v_size_ = 0;  // elements of a token, of the largest layer
  bool used_ = false, expected_ = false;
  bool grown_ = false;  // since begin
  Buffer k_, v_;
  OutTensor k_desc_, v_desc_;
};

KVERN_SDK_END
