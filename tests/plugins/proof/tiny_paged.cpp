// Proves paging: rows are lists of blocks that count their references. gather and clone copy nothing; a block that others see
// too is copied when it is about to be written, in begin.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/shared_blocks.hpp>
#include <kvern/sdk/slot_cache.hpp>

namespace {
using namespace kvern::sdk;
constexpr int64_t kBlock = 4;

class TinyPaged {
 public:
  static constexpr const char *name = "tiny_paged", *version = "0", *summary = "keeps rows in shared blocks";

  explicit TinyPaged(const Create &create) : create_(create) { require_attention_layers(create); }
  std::unique_ptr<TinyPaged> clone() const { return std::unique_ptr<TinyPaged>(new TinyPaged(*this)); }

  void begin(const Step &step) {
    slots_.check(step);
    const int64_t held = slots_.held(), need = held + step.n_new;
    const auto make = [this] { return dense_layers(create_, {1, kBlock}); };
    const auto copy = [](const Block &from) { return copy_of(from, {1, kBlock}); };
    auto rows = rows_.with_room(step.rows, held, need, make, copy);
    auto dense =
        std::make_shared<Block>(dense_layers(create_, {step.rows, std::max<int64_t>(need, 1)}, true));
    slots_.open(step);
    rows_ = std::move(rows), dense_ = std::move(dense), step_ = &step;
  }
  void view(int, kvern_view &view) { slots_.view(view); }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    const int64_t count = k ? k->shape[2] : 0;
    const int64_t missing = k ? missing_columns(*step_, layer, create_.layers[layer], count) : 0;
    for (int64_t row = 0; row < step_->rows; ++row) {
      for (int64_t i = 0; i < missing + count; ++i) {
        const int64_t slot = slots_.held() + i;
        DenseLayer &to = rows_.at(row, slot)[layer];
        if (i < missing || i >= step_->row_new[row]) {
          to.clear(0, slot % kBlock, slot % kBlock + 1);
          continue;
        }
        const TensorSlice one_k(*k, {row, 1}, {i - missing, 1}), one_v(*v, {row, 1}, {i - missing, 1});
        to.store(slot % kBlock, one_k.tensor(), &one_v.tensor());
      }
    }
    if (!out_k) return;
    DenseLayer &dense = (*dense_)[layer];
    for (int64_t row = 0; row < step_->rows; ++row)
      for (int64_t at = 0; at < slots_.size(); at += kBlock)
        dense.append(row, at, rows_.at(row, at)[layer], {1, std::min(kBlock, slots_.size() - at)});
    dense.read({step_->rows, slots_.size()}, k_, out_k, v_, out_v);
  }
  void end(int64_t n) { slots_.close(*step_, n), tidy(); }
  void end_rows(Rows keep) { slots_.close(*step_, keep), tidy(); }
  void gather(Rows order) { rows_.gather(order), slots_.gather(order); }
  void truncate(Rows row_pos) { slots_.truncate(row_pos), tidy(); }
  void reset() { slots_.clear(), tidy(); }
  void info(int only, kvern_info &info) const {
    info.tokens = slots_.tokens(), info.rows = slots_.rows();
    info.capacity = info.max_new = info.rollback = info.bytes_used = -1;
    rows_.each([&](const Block &block) {
      for (int i = 0; i < std::ssize(block); ++i)
        if (only < 0 || only == i) info.bytes_device += block[i].bytes();
    });
  }

 private:
  using Block = std::vector<DenseLayer>;
  TinyPaged(const TinyPaged &) = default;

  void tidy() { dense_.reset(), rows_.cut(slots_.rows(), slots_.held()); }

  Create create_;
  SharedBlocks<Block> rows_{kBlock};
  Slots slots_;
  std::shared_ptr<Block> dense_;  // what update returns, within a step
  OutTensor k_, v_;
  const Step *step_ = nullptr;
};
}  // namespace
KVERN_PLUGIN(TinyPaged)
