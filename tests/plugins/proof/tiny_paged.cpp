// Proves paging: rows are lists of blocks that count their references. gather and clone copy nothing; a block that others see
// too is copied when it is about to be written, in begin.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>

#include <set>

namespace {
using namespace kvern::sdk;
constexpr int64_t kBlock = 4;

class TinyPaged {
 public:
  static constexpr const char *name = "tiny_paged", *version = "0",
                              *summary = "keeps rows as lists of shared blocks";

  explicit TinyPaged(const Create &create) : create_(create), layers_(create.layers) {
    require_attention_layers(create);
  }
  std::unique_ptr<TinyPaged> clone() const { return std::make_unique<TinyPaged>(*this, nullptr); }
  TinyPaged(const TinyPaged &o, std::nullptr_t)
      : create_(o.create_), layers_(o.layers_), rows_(o.rows_), slots_(o.slots_) {}

  void begin(const Step &step) {
    slots_.check(step);
    const int64_t held = slots_.held(), need = held + step.n_new;
    std::vector<Chain> rows =
        slots_.held() > 0 ? rows_ : std::vector<Chain>(static_cast<std::size_t>(step.rows));
    for (Chain &row : rows) {
      const int64_t first = held / kBlock;
      if (step.n_new > 0 && first < std::ssize(row) && row[first].use_count() > 2)
        row[first] = copy(*row[first]);
      while (std::ssize(row) * kBlock < need) row.push_back(block());
    }
    std::vector<DenseLayer> scratch = block_of(-1, {step.rows, std::max<int64_t>(need, 1)});
    slots_.open(step);
    rows_ = std::move(rows);
    scratch_ = std::move(scratch);
    step_ = &step;
  }
  void view(int, kvern_view &view) { slots_.view(view); }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    const int64_t count = k ? k->shape[2] : 0;
    const int64_t missing = k ? missing_columns(*step_, layer, layers_[layer], count) : 0;
    for (int64_t row = 0; row < step_->rows; ++row) {
      for (int64_t i = 0; i < missing + count; ++i) {
        const int64_t slot = slots_.held() + i;
        DenseLayer &to = (*rows_[row][slot / kBlock])[layer];
        if (i < missing || i >= step_->row_new[row]) {
          to.clear(0, slot % kBlock, slot % kBlock + 1);
          continue;
        }
        std::array<int64_t, 4> k_shape, v_shape;
        const DLTensor one_k = token(*k, row, i - missing, k_shape),
                       one_v = token(*v, row, i - missing, v_shape);
        to.store(slot % kBlock, one_k, &one_v);
      }
    }
    if (!out_k) return;
    for (int64_t row = 0; row < step_->rows; ++row) {
      for (int64_t at = 0; at < slots_.size(); at += kBlock) {
        scratch_[layer].append(row, at, (*rows_[row][at / kBlock])[layer],
                               {1, std::min(kBlock, slots_.size() - at)});
      }
    }
    scratch_[layer].read({step_->rows, slots_.size()}, k_, out_k, v_, out_v);
  }
  void end(int64_t n) {
    slots_.close(*step_, [n](int64_t) { return n; }), tidy();
  }
  void end_rows(Rows keep) {
    slots_.close(*step_, [keep](int64_t row) { return keep[row]; }), tidy();
  }
  void gather(Rows order) {
    std::vector<Chain> rows;
    for (int64_t row : order) rows.push_back(rows_[row]);
    rows_ = std::move(rows);
    slots_.gather(order);
  }
  void truncate(Rows row_pos) { slots_.truncate(row_pos), tidy(); }
  void reset() { slots_.clear(), tidy(); }
  void info(int only, kvern_info &info) const {
    info.tokens = slots_.tokens(), info.rows = slots_.rows();
    info.capacity = info.max_new = info.rollback = info.bytes_used = -1;
    std::set<const Block *> seen;  // a shared block counts once
    for (const Chain &row : rows_) {
      for (const auto &block : row) {
        for (std::size_t i = 0; i < block->size() && !seen.count(block.get()); ++i) {
          if (only < 0 || only == static_cast<int>(i)) info.bytes_device += (*block)[i].bytes();
        }
        seen.insert(block.get());
      }
    }
  }

 private:
  using Block = std::vector<DenseLayer>;
  using Chain = std::vector<std::shared_ptr<Block>>;

  Block block_of(int number, const Room &room) const {
    Block made;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      made.emplace_back(LayerCreate{create_, number < 0 ? -1 : static_cast<int>(i), layers_[i]});
      made.back().resize(room, {});
    }
    return made;
  }
  std::shared_ptr<Block> block() const { return std::make_shared<Block>(block_of(0, {1, kBlock})); }
  std::shared_ptr<Block> copy(const Block &from) const {
    Block made;
    for (const DenseLayer &layer : from) made.push_back(layer.copy({1, kBlock}));
    return std::make_shared<Block>(std::move(made));
  }
  static DLTensor token(DLTensor tensor, int64_t row, int64_t i, std::array<int64_t, 4> &shape) {
    shape = {1, tensor.shape[1], 1, tensor.shape[3]};
    tensor.byte_offset += static_cast<uint64_t>((row * stride_of(tensor, 0) + i * stride_of(tensor, 2)) *
                                                element_bytes(tensor.dtype));
    tensor.shape = shape.data();
    return tensor;
  }
  void tidy() {
    scratch_.clear();
    rows_.resize(static_cast<std::size_t>(slots_.rows()));
    for (Chain &row : rows_) row.resize(static_cast<std::size_t>((slots_.held() + kBlock - 1) / kBlock));
  }

  Create create_;
  Layers layers_;
  std::vector<Chain> rows_;
  Slots slots_;
  Block scratch_;
  OutTensor k_, v_;
  const Step *step_ = nullptr;
};
}  // namespace
KVERN_PLUGIN(TinyPaged)
