// The storage `Packed` of a KeyCache: all layers with their packed blocks and residual windows, and memory to unpack one layer.
#pragma once
#include <kvern/abi/parallel.h>
#include <kvern/sdk/growth.hpp>
#include <kvern/sdk/layer_storage.hpp>
#include <optional>

#include "plugins/quantized/quantized_layer.hpp"

namespace kvern::quantized {

class PackedStorage {
 public:
  using Policy = Settings;
  static constexpr bool drops_slots = false;  // what is packed stays

  /// Throws sdk::Failure.
  PackedStorage(const sdk::Create &create, const std::vector<int> &numbers, const Settings &settings,
                bool drops);
  /// A copy of what is in use.
  PackedStorage(const PackedStorage &other, const sdk::Extent &used);
  PackedStorage(PackedStorage &&) noexcept = default;

  const QuantizedLayer &layer(int number) const { return *layers_[number]; }
  /// The host's threads, or one where it offers none.
  kernels::Parallel parallel() const;

  void reserve(const sdk::Reservation &step);
  void undo(const sdk::Extent &used) noexcept;
  void store(int layer, int64_t slot, const DLTensor &k, const DLTensor *v) {
    layers_[layer]->store(slot, k, v);
  }
  /// Within a tentative step; see QuantizedLayer.
  void pack_ahead(int layer, int64_t size) { layers_[layer]->pack_ahead(size, parallel()); }
  void clear(int layer, int64_t row, int64_t begin, int64_t end) { layers_[layer]->clear(row, begin, end); }
  /// Memory to unpack a layer, unless it has no packed token. Throws the host's failure.
  void reserve_read(int layer, const sdk::Extent &used);
  /// Exports all slots, after reserve_read.
  void read(int layer, const sdk::Extent &used, DLTensor *k, DLTensor *v);
  void commit(const sdk::Extent &used, const sdk::SlotRange &drop);
  void reset();
  void release() { reset(); }

  int64_t bytes(int only) const;
  int64_t bytes_used(int only, const sdk::Extent &used) const;

  void reserve_rows(int64_t rows, const sdk::Extent &used);
  void gather(std::span<const int64_t> rows, const sdk::Extent &used);
  void reserve_append(const PackedStorage &other, const sdk::Extent &used, const sdk::Extent &theirs);
  void append(const PackedStorage &other, const sdk::Extent &used, const sdk::Extent &theirs);
  void truncate(const sdk::Extent &used);
  /// Leading slots of which no row has anything, since the longest rows are gone; `drop` takes no others.
  int64_t unheld(const sdk::Extent &used) const;
  void drop(const sdk::Extent &used, const sdk::SlotRange &range);

  void save(sdk::Writer &out, const sdk::Extent &used) const;
  void load(sdk::Reader &in, const sdk::Slots &slots);

 private:
  template <class Do>
  void each(Do &&call) {
    for (auto &layer : layers_) {
      if (layer) call(*layer);
    }
  }
  template <class Reserve>
  void reserve_layers(Reserve reserve, int64_t held);
  void reserve_unpacked(int64_t rows, int64_t slots);
  void free_unpacked();

  sdk::Host host_;
  DLDataType type_;
  const kvern_parallel_1 *parallel_;
  std::vector<std::optional<QuantizedLayer>> layers_;
  std::vector<std::vector<RowBlocks>> joining_;  // between reserve_append and append
  bool reads_ = false;       // this step, or the one before, exported what had to be unpacked
  bool reads_only_ = false;  // the step brings no tokens
  sdk::Buffer unpacked_k_, unpacked_v_;
  sdk::OutTensor k_desc_, v_desc_;
  std::vector<std::byte> scratch_;
};

}  // namespace kvern::quantized
