// One layer of the quantized cache: packed columns, then the residual window, unquantized. Columns only, no positions.
//
//   columns   0 .. row.begin        not this row's (it was joined to longer ones)
//             row.begin .. row.end  packed
//             row.end .. held       dense; slot 0 of the dense tensors is column base(), the smallest row.end
//
// A step's new tokens become dense. When it ends, full blocks of each row's oldest dense tokens are packed as long as
// residual_length tokens stay; memory for that was taken in `open`. Layers pack at different steps (`stagger`), so that no
// step packs all of them.
#pragma once
#include <kvern/sdk/dense_layer.hpp>
#include <kvern/sdk/slots.hpp>

#include "plugins/quantized/packed_rows.hpp"

namespace kvern::quantized {

class QuantizedLayer {
 public:
  /// stagger: tokens that the layer keeps dense beside residual_length, less than a block has. Throws sdk::Failure.
  QuantizedLayer(const sdk::LayerCreate &layer, const Settings &settings, int64_t stagger);

  const PackedRows &packed() const { return packed_; }
  int64_t base() const { return base_; }
  const sdk::Layer &shape() const { return shape_; }

  /// Reserves for a step on `held` columns; after a failure undo_reserve follows. First, in all layers, what remains after the
  /// step, then, by reserve_prefill, what a long step needs for itself: freeing it leaves no holes.
  void open(int64_t rows, int64_t held, int64_t n_new);
  void reserve_prefill(int64_t rows, int64_t held, int64_t n_new);
  void undo_reserve(int64_t held) noexcept;
  /// New keys and values [B, H, n, D], from this column on.
  void store(int64_t column, const DLTensor &k, const DLTensor *v) { dense().store(column - base_, k, v); }
  void clear(int64_t row, int64_t begin, int64_t end) { dense().clear(row, begin - base_, end - base_); }
  /// Within a step whose tokens are stored: packs what is due when the first `size` columns are held; what the step does not keep,
  /// close takes back. The dense columns stay until then.
  void pack_ahead(int64_t size, const kernels::Parallel &parallel);
  /// Where the packed columns of a row end when `size` columns are held, as steps of one token would have it. Within a step.
  int64_t end_at(int64_t row, int64_t size) const;
  /// Ends a step after which `held` columns are kept, and packs.
  void close(int64_t held, const kernels::Parallel &parallel);

  /// Keys and values of columns base() .. size - 1, [rows, H, size - base(), D].
  void read_dense(int64_t size, sdk::OutTensor &k_desc, DLTensor *k, sdk::OutTensor &v_desc,
                  DLTensor *v) const;
  /// The same of all columns from 0 on is what read_dense says: nothing was ever packed.
  bool all_dense() const { return base_ == 0 && packed_.empty(); }
  /// All columns to k and v [rows, H, size, D], zeros where a row has nothing.
  void unpack(int64_t size, const DLTensor &k, const DLTensor &v, const kernels::Parallel &parallel) const;

  void truncate(int64_t held);
  void release();

  /// Reserves for so many rows, before gather; after a failure undo_reserve follows.
  void grow_rows(int64_t rows, int64_t held);
  void gather(std::span<const int64_t> rows, int64_t held, std::vector<std::byte> &scratch);
  void drop_front(int64_t columns);

  /// Joins the rows of another layer below its own, so that both end in column `size`: first the memory for all of it; after a
  /// failure undo_reserve follows.
  std::vector<RowBlocks> prepare_append(const QuantizedLayer &other, int64_t held, int64_t others_held,
                                        int64_t size);
  void append(const QuantizedLayer &other, std::vector<RowBlocks> packed, int64_t held, int64_t others_held,
              int64_t size);

  /// One of its own with the same contents. Throws the host's failure.
  QuantizedLayer(const QuantizedLayer &other, int64_t held);

  int64_t bytes() const { return packed_.bytes() + residual_.bytes() + prefill_.bytes(); }
  int64_t bytes_used(int64_t held) const {
    return packed_.bytes_used() + residual_.bytes_used({packed_.rows(), held - base_});
  }

  void save(sdk::Writer &out, int64_t held) const;
  /// Throws sdk::Failure, BAD_DATA; release is to follow.
  void load(sdk::Reader &in, int64_t rows, int64_t held);

 private:
  sdk::DenseLayer &dense() { return in_prefill_ ? prefill_ : residual_; }
  const sdk::DenseLayer &dense() const { return in_prefill_ ? prefill_ : residual_; }
  /// How many blocks of a row are to be packed when it has so many dense tokens.
  int64_t blocks_to_pack(int64_t dense_tokens) const;
  /// Of residual_, between steps.
  sdk::Extent used(int64_t held) const { return {packed_.rows(), held - base_}; }
  void grow(const sdk::Extent &room, const sdk::Extent &used);
  void advance(int64_t held);

  sdk::Layer shape_;
  int64_t keep_ = 0;     // dense tokens that stay: residual_length + stagger
  int64_t longest_ = 0;  // dense tokens of a step for which residual_ has capacity
  PackedRows packed_;
  sdk::DenseLayer residual_, prefill_;        // prefill_: instead of residual_, within a step of many tokens
  sdk::Extent allocated_, allocated_before_;  // of residual_, now and before the last grow
  std::vector<int64_t> ends_;                 // of the packed columns of each row, when the step began
  bool in_prefill_ = false;
  int64_t base_ = 0;
};

}  // namespace kvern::quantized
