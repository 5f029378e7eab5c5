// Keys and values of one layer whose heads hold different tokens: each head has positions and scores of its own.
#pragma once
#include <kvern/sdk/layer_storage.hpp>

namespace kvern::evicting {

namespace sdk = kvern::sdk;

class HeadLayer : public sdk::DenseLayer {
 public:
  explicit HeadLayer(const sdk::LayerCreate &layer)
      : DenseLayer(layer), mover_(layer.create.host), heads_(layer.layer.kv_heads) {}

  int64_t heads() const { return heads_; }
  int64_t stride() const { return extent_.slots; }  ///< of a head's positions and scores
  int64_t *positions(int64_t row, int64_t head) { return positions_.data() + at(row, head); }
  float *scores(int64_t row, int64_t head) { return scores_.data() + at(row, head); }

  /// No effect if it throws.
  void resize(const sdk::Extent &wanted, const sdk::Extent &used) {
    if (wanted == extent_) return;
    HeadLayer sized(*this, wanted);
    if (!used.empty()) sized.copy_tables(0, *this, used);
    DenseLayer::resize(wanted, used);
    take_tables(sized);
  }
  void restore(const sdk::Extent &before, const sdk::Extent &used) noexcept {
    try {
      resize(before, used);
    } catch (...) {  // it stays over-allocated
    }
  }

  /// Writes n tokens of a row from column `first` of k and v to slots slot .. slot + n - 1. v: nullptr where values lie in keys.
  void store_row(int64_t row, int64_t slot, const DLTensor &k, const DLTensor *v, int64_t first, int64_t n) {
    const DLTensor *from = &k;
    each([&](sdk::DenseTensor &part) {
      part.change_block(extent_.rows, slot, slot + n, [&](const DLTensor &to) {
        copy_tokens(sdk::TensorSlice(*from, {row, 1}, {first, n}), sdk::TensorSlice(to, {row, 1}, {0, n}));
      });
      from = v;
    });
  }

  /// Slots 0 .. n - 1 of a row's heads become what slots keep[head] were, ascending, n each.
  void compact(int64_t row, int64_t used, const std::vector<std::vector<int64_t>> &keep) {
    each([&](sdk::DenseTensor &part) {
      part.change_block(extent_.rows, 0, used, [&](const DLTensor &x) {
        for (int64_t head = 0; head < heads_; ++head) compact_head(x, row, head, used, keep[head]);
      });
    });
    for (int64_t head = 0; head < heads_; ++head) {
      for (std::size_t i = 0; i < keep[head].size(); ++i) {
        positions(row, head)[i] = positions(row, head)[keep[head][i]];
        scores(row, head)[i] = scores(row, head)[keep[head][i]];
      }
    }
  }

  void gather(std::span<const int64_t> rows, int64_t used_slots, std::vector<std::byte> &scratch) {
    DenseLayer::gather(rows, used_slots, scratch);
    HeadLayer sized(*this, extent_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(positions(rows[i], 0), heads_ * extent_.slots, sized.positions(static_cast<int64_t>(i), 0));
      std::copy_n(scores(rows[i], 0), heads_ * extent_.slots, sized.scores(static_cast<int64_t>(i), 0));
    }
    take_tables(sized);
  }
  void append(int64_t row, int64_t slot, const HeadLayer &other, const sdk::Extent &used) {
    DenseLayer::append(row, slot, other, used);
    copy_tables(row, other, used);
  }
  HeadLayer copy(const sdk::Extent &used) const {
    HeadLayer made(DenseLayer::copy(used), *this);
    made.extent_ = made.allocated();
    made.allocate_tables();
    if (!used.empty()) made.copy_tables(0, *this, used);
    return made;
  }

  void save(sdk::Writer &out, int64_t rows, int64_t begin, int64_t end) const {
    DenseLayer::save(out, rows, begin, end);
    each_table(rows, [&](int64_t at) {
      out.bytes(positions_.data() + at + begin, (end - begin) * 8);
      out.bytes(scores_.data() + at + begin, (end - begin) * 4);
    });
  }
  void load(sdk::Reader &in, int64_t rows, int64_t begin, int64_t end) {
    DenseLayer::load(in, rows, begin, end);
    each_table(rows, [&](int64_t at) {
      in.bytes(positions_.data() + at + begin, (end - begin) * 8);
      in.bytes(scores_.data() + at + begin, (end - begin) * 4);
    });
  }

 private:
  /// These keys and no tables yet.
  HeadLayer(DenseLayer keys, const HeadLayer &like)
      : DenseLayer(std::move(keys)), mover_(like.mover_), heads_(like.heads_) {}
  /// Tables alone, empty ones of this extent.
  HeadLayer(const HeadLayer &like, const sdk::Extent &extent)
      : DenseLayer(like.DenseLayer::copy({})), mover_(like.mover_), heads_(like.heads_), extent_(extent) {
    allocate_tables();
  }

  int64_t at(int64_t row, int64_t head) const { return (row * heads_ + head) * extent_.slots; }

  void allocate_tables() {
    const auto size = static_cast<std::size_t>(sdk::product(extent_.rows, heads_, extent_.slots));
    positions_.assign(size, -1);
    scores_.assign(size, 0.0f);
  }
  void take_tables(HeadLayer &from) {
    extent_ = from.extent_;
    positions_.swap(from.positions_);
    scores_.swap(from.scores_);
  }
  void copy_tables(int64_t row, const HeadLayer &from, const sdk::Extent &used) {
    for (int64_t r = 0; r < used.rows; ++r) {
      for (int64_t head = 0; head < heads_; ++head) {
        std::copy_n(from.positions_.data() + from.at(r, head), used.slots, positions(row + r, head));
        std::copy_n(from.scores_.data() + from.at(r, head), used.slots, scores(row + r, head));
      }
    }
  }
  template <class Visit>
  void each_table(int64_t rows, Visit visit) const {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t head = 0; head < heads_; ++head) visit(at(row, head));
    }
  }

  void copy_tokens(const sdk::TensorSlice &from, const sdk::TensorSlice &to) const {
    DLTensor target = to.tensor();
    if (mover_.on_device()) return mover_.copy(from.tensor(), &target);
    sdk::copy_block(sdk::block_of(from.tensor()), sdk::block_of(target), 1, heads_, target.shape[2],
                    target.shape[3] * sdk::element_bytes(target.dtype));
  }
  /// x [rows, heads, slots, dim]
  void compact_head(const DLTensor &x, int64_t row, int64_t head, int64_t used,
                    const std::vector<int64_t> &keep) const {
    const sdk::Block block = sdk::block_of(x);
    std::byte *data = block.data + row * block.row_stride + head * block.head_stride;
    const int64_t dim = x.shape[3], width = dim * sdk::element_bytes(x.dtype);
    if (mover_.on_device()) {
      const sdk::Placed from(data, x.device, x.dtype, {used, dim}, {dim, 1});
      sdk::Placed to(data, x.device, x.dtype, {std::ssize(keep), dim}, {dim, 1});
      return mover_.take_rows(from.tensor(), keep, to.out());
    }
    for (int64_t i = 0; i < std::ssize(keep); ++i)
      if (keep[i] != i)
        std::memcpy(data + i * width, data + keep[i] * width, static_cast<std::size_t>(width));
  }

  sdk::Mover mover_;
  int64_t heads_;
  sdk::Extent extent_;              // of the tables
  std::vector<int64_t> positions_;  // [rows, heads, slots]
  std::vector<float> scores_;       // the same
};

}  // namespace kvern::evicting
