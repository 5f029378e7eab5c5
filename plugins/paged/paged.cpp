// Rows as lists of blocks that count their references (PagedAttention, Kwon et al. 2023): clones, reordered beams and shared
// prefixes copy no keys, and attention reads the blocks in place. Full blocks may be packed to a few bits.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/row_attention.hpp>

#include "kernels/quant/attention.hpp"
#include "plugins/paged/block_runs.hpp"
#include "plugins/paged/packing.hpp"

namespace kvern::paged {
namespace {

class Paged : public sdk::AttendingRowCache {
 public:
  static constexpr const char *name = "paged", *version = "1.0.0",
                              *summary = "keeps rows in blocks that rows and clones share until they write";
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit Paged(const sdk::Create &create) : Paged(create, read_settings(create.options)) {}

  void attend(const kvern_attend &request) {
    if (!find_runs()) return AttendingRowCache::attend(request);
    require_supported(request);
    if (request.bias) require_aligned_runs();
    if (request.k) store(request.layer, *request.k, request.v);
    if (step().n_new > 0) attend_to_runs(request, layout().part_of[request.layer]);
  }

  std::unique_ptr<Paged> clone() const { return std::unique_ptr<Paged>(new Paged(*this)); }

 private:
  Paged(const sdk::Create &create, const Settings &settings)
      : Paged(create, settings, settings.packs ? std::make_shared<Packing>(create, settings) : nullptr) {}
  Paged(const sdk::Create &create, const Settings &settings, std::shared_ptr<const Packing> packing)
      : AttendingRowCache(
            create,
            {.block_slots = settings.block_size, .packing = packing, .residual = settings.residual_length}),
        packing_(std::move(packing)) {}
  /// Without workspace.
  Paged(const Paged &other) : AttendingRowCache(other), packing_(other.packing_) {}

  std::size_t blocks_of(std::size_t row) const {
    return static_cast<std::size_t>((length(row) + layout().slots - 1) / layout().slots);
  }
  int64_t token(std::size_t block) const { return static_cast<int64_t>(block) * layout().slots; }

  /// False if no block is packed.
  bool find_runs() {
    runs_.clear();
    bool any = false;
    for (std::size_t r = 0; r < rows().size() && packing_; ++r) {
      runs_.push_back(runs_of(blocks_of(r), [&](std::size_t i) { return rows()[r].blocks[i]->is_packed(); }));
      any = any || !runs_.back().packed.empty();
    }
    return any;
  }

  /// The kernels count columns of a bias from a row's first block.
  void require_aligned_runs() const {
    for (std::size_t i = 0; i < dense_calls(); ++i)
      for (const RowRuns &row : runs_)
        if (first_block(row, i) != first_block(runs_[0], i))
          sdk::fail(KVERN_UNSUPPORTED, "a bias on rows whose packed blocks end at different tokens");
  }

  /// At least one, so that sinks are counted.
  std::size_t dense_calls() const {
    std::size_t most = 1;
    for (const RowRuns &row : runs_) most = std::max(most, row.dense.size());
    return most;
  }
  static std::size_t first_block(const RowRuns &row, std::size_t i) {
    return i < row.dense.size() ? row.dense[i].first : 0;
  }

  /// Packed blocks together, then the i-th dense runs of all rows, each merged with what came before.
  void attend_to_runs(const kvern_attend &request, int part) {
    kernels::AttentionCall call = blocked_call(request, part);
    if (!call.lse) {
      lse_.resize(static_cast<std::size_t>(call.rows * call.q_heads * call.n_new));
      call.lse = lse_.data();
    }
    const float *sinks = std::exchange(call.sinks, nullptr);
    attend_packed(call, part);
    const std::vector<int64_t> first_pos(call.first_pos, call.first_pos + call.rows);
    for (std::size_t i = 0, n = dense_calls(); i < n; ++i) {
      call.merge = true;
      call.sinks = i + 1 == n ? sinks : nullptr;
      attend_dense(call, part, i, first_pos);
    }
  }

  void attend_packed(kernels::AttentionCall call, int part) {
    packed_runs_.clear(), packed_rows_.clear();
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      for (const std::size_t i : runs_[r].packed)
        packed_runs_.push_back(
            {rows()[r].blocks[i]->packed(part), packing_->head_stride(part), token(i), tokens_in(r, i)});
    }
    const quant::BlockRun *next = packed_runs_.data();
    for (const RowRuns &row : runs_) {
      packed_rows_.push_back({next, std::ssize(row.packed)});
      next += row.packed.size();
    }
    call.round_to_bf16 = false;  // keys and values of 8 bits have not lost as much
    quant::attention({call, &packing_->format(part), packed_rows_.data()}, parallel());
  }

  void attend_dense(kernels::AttentionCall call, int part, std::size_t i,
                    const std::vector<int64_t> &first_pos) {
    blocks_.clear(), dense_rows_.clear(), first_pos_ = first_pos;
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      const DenseRun run = i < runs_[r].dense.size() ? runs_[r].dense[i] : DenseRun{};
      for (std::size_t b = 0; b < run.blocks; ++b) blocks_.push_back(key_block(part, r, run.first + b));
      first_pos_[r] += token(run.first);
    }
    call.kv_len = 0;
    const kernels::KeyBlock *next = blocks_.data();
    for (std::size_t r = 0; r < runs_.size(); ++r) {
      const DenseRun run = i < runs_[r].dense.size() ? runs_[r].dense[i] : DenseRun{};
      const int64_t keys = std::min(length(r), token(run.first + run.blocks)) - token(run.first);
      dense_rows_.push_back({next, run.blocks > 0 ? keys : 0});
      call.kv_len = std::max(call.kv_len, dense_rows_.back().keys);
      next += run.blocks;
    }
    call.first_pos = first_pos_.data();
    if (call.bias) call.bias += token(first_block(runs_[0], i)) * call.bias_stride[3];
    kernels::attention(kernels::BlockedCall{call, dense_rows_.data(), layout().slots}, parallel());
  }

  std::shared_ptr<const Packing> packing_;
  // workspace, kept from step to step
  std::vector<RowRuns> runs_;
  std::vector<float> lse_;
  std::vector<int64_t> first_pos_;
  std::vector<quant::BlockRun> packed_runs_;
  std::vector<quant::PackedRow> packed_rows_;
  std::vector<kernels::KeyBlock> blocks_;
  std::vector<kernels::BlockedRow> dense_rows_;
};

}  // namespace
}  // namespace kvern::paged

KVERN_PLUGIN(kvern::paged::Paged)
