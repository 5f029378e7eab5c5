// A whole cache of rows that are lists of blocks. Each row has its own length and holds the tokens at positions 0 and later only:
// padding and filler take no memory. Rows and clones share blocks by reference; a block that others see too is copied when a
// step is about to write to it (copy-on-write). Full blocks may be packed when a step ends.
#pragma once
#include <algorithm>
#include <kvern/sdk/export_memory.hpp>
#include <kvern/sdk/joined_blocks.hpp>
#include <kvern/sdk/late_import.hpp>
#include <unordered_map>
#include <unordered_set>

KVERN_SDK_BEGIN

class RowCache {
 public:
  using BlockPtr = RowBlockPtr;
  /// Tokens at positions first .. next - 1, none if next <= first. Block i holds tokens i * block_slots and later of the row.
  struct Row {
    int64_t first = 0, next = 0;
    std::vector<BlockPtr> blocks = {};
    int64_t settled = 0;  ///< leading blocks that are packed, or joined, or stay as they are

    int64_t length() const { return std::max<int64_t>(next - first, 0); }
  };

  RowCache(const Create &create, const RowPolicy &policy)
      : policy_(policy),
        layers_(create.layers),
        layout_(std::make_shared<BlockLayout>(create, policy.block_slots, policy.packing)),
        exported_(create) {}

  void begin(const Step &step) {
    check(step);
    const bool starts = !holds_tokens();
    std::vector<Row> started;
    for (int64_t r = 0; r < step.rows && starts; ++r) started.push_back(started_at(step.row_pos[r]));
    const std::vector<Row> &rows = starts ? started : rows_;
    std::vector<int64_t> lengths;
    for (std::size_t r = 0; r < rows.size(); ++r)
      lengths.push_back(rows[r].length() + step.row_new[r] - padding(rows[r], step.row_new[r]));
    require_capacity(rows, lengths);
    counted_ = false;
    for (Row &row : rows_)
      if (joins()) settle_blocks(layout_, row.blocks, row.length() / layout_->slots, row.settled);
    std::vector<Change> changes = planned(rows, lengths);
    std::vector<BlockPtr> to_pack = step.n_new > 0 ? reserve_packed(rows, lengths) : std::vector<BlockPtr>();
    const int64_t columns = lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
    exported_.begin(product(step.rows, columns), step.n_new == 0 || layout_->mover.on_device());
    if (starts) replaced_ = std::exchange(rows_, std::move(started));
    for (Change &change : changes) change.apply(rows_);
    changes_ = std::move(changes), lengths_ = std::move(lengths), to_pack_ = std::move(to_pack);
    starts_ = starts, columns_ = columns, step_ = &step;
    open_view();
  }

  void view(int, kvern_view &view) const {
    view.kv_len = columns_;
    if (key_pos_.empty()) {
      view.first_pos = first_pos_.data();
    } else {
      view.key_pos = key_pos_.data();
      view.row_stride = columns_;
    }
  }

  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    if (k) store(layer, *k, v);
    if (out_k) read(layer, out_k, out_v);
  }

  void end(int64_t n_keep) {
    close([n_keep](int64_t) { return n_keep; });
  }
  void end_rows(std::span<const int64_t> row_keep) {
    close([row_keep](int64_t row) { return row_keep[row]; });
  }

  void reset() {
    rows_.clear(), spare_.clear(), replaced_.clear(), to_pack_.clear();
    exported_.free();
    counted_ = false;
  }

  void gather(std::span<const int64_t> order) {
    std::vector<Row> gathered;
    for (const int64_t row : order) gathered.push_back(rows_[row]);
    rows_.swap(gathered);
    for (Row &row : gathered) cut(row, 0);
    counted_ = false;
  }

  void truncate(std::span<const int64_t> row_pos) {
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      Row &row = rows_[r];
      row.next = std::min(row.next, row_pos[r]);
      row.first = std::min(row.first, std::max<int64_t>(row.next, 0));
      cut(row, row.length());
      separate_last_blocks(layout_, row.blocks);
    }
    counted_ = false;
  }

  void append(const RowCache &from) {
    const bool shares = policy_.share && from.layout_->shares_with(*layout_);
    std::vector<Row> rows = from.rows_;
    for (Row &row : rows) {
      if (policy_.capacity >= 0 && row.length() > policy_.capacity)
        fail(KVERN_OUT_OF_CAPACITY, "append of a row of ", row.length(), " tokens: the capacity of a row is ",
             policy_.capacity);
      if (shares) continue;
      row.blocks = copies(row, *from.layout_);
      row.settled = 0;
    }
    rows_.insert(rows_.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    counted_ = false;
  }

  void info(int layer, kvern_info &info) const {
    int64_t longest = 0;
    for (const Row &row : rows_) {
      info.tokens = std::max(info.tokens, row.next);
      longest = std::max(longest, row.length());
    }
    info.capacity = policy_.capacity;
    info.max_new = policy_.capacity < 0 ? -1 : policy_.capacity - longest;
    info.rollback = -1;
    info.rows = static_cast<int64_t>(rows_.size());
    count();
    for (int i = 0; i < std::ssize(layout_->parts); ++i) {
      const BlockLayout::Part &part = layout_->parts[i];
      if (layer >= 0 && layer != part.layer) continue;
      const int64_t packed = layout_->packing ? layout_->packing->bytes(i) : 0;
      info.bytes_device += n_blocks_ * layout_->slots * layout_->token_bytes(part) + n_packed_ * packed;
      info.bytes_used += n_slots_ * layout_->token_bytes(part) + (n_packed_ - std::ssize(to_pack_)) * packed;
    }
    if (layer < 0) info.bytes_device += exported_.bytes();
  }

  /// A block that rows share is written once.
  void save(Writer &out) const {
    std::unordered_map<const RowBlock *, int64_t> used, numbers;
    each_use([&](const RowBlock &block, int64_t slots) { used[&block] = std::max(used[&block], slots); });
    out.number(static_cast<int64_t>(rows_.size()));
    for (const Row &row : rows_) {
      out.number(row.first);
      out.number(row.next);
      for (const BlockPtr &block : row.blocks) {
        const auto [at, fresh] = numbers.try_emplace(block.get(), static_cast<int64_t>(numbers.size()));
        out.number(at->second);
        if (!fresh) continue;
        out.number(used[block.get()]);
        if (layout_->packing) out.number(int64_t{block->is_packed() ? 1 : block->stays_dense ? 2 : 0});
        block->save(out, used[block.get()]);
      }
    }
  }
  void load(Reader &in) {
    reset();
    std::vector<Saved> blocks;
    const int64_t count = in.integer("rows", 0, kMaxRows);
    for (int64_t r = 0; r < count; ++r) rows_.push_back(load_row(in, blocks));
  }

 protected:
  /// Shares all blocks.
  RowCache(const RowCache &other)
      : policy_(other.policy_),
        layers_(other.layers_),
        layout_(other.layout_),
        rows_(other.rows_),
        exported_(other.exported_) {}

  const BlockLayout &layout() const { return *layout_; }
  const Step &step() const { return *step_; }
  const std::vector<Row> &rows() const { return rows_; }
  /// Tokens of a row, those of the open step included.
  int64_t length(std::size_t row) const { return lengths_[row]; }
  /// Columns that view reports: tokens of the longest row.
  int64_t columns() const { return columns_; }

  /// Stores the step's keys of a layer; padding and filler are left out.
  void store(int number, const DLTensor &k, const DLTensor *v) {
    const int part = layout_->part_of[number];
    const int64_t missing = missing_columns(*step_, number, layers_[number], k.shape[2]);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const Row &row = rows_[r];
      const int64_t count = step_->row_new[r], begin = padding(row, count);
      const int64_t given = std::max(begin, std::min(missing, count)), offset = row.length() - begin;
      each_block(offset + begin, offset + given, [&](std::size_t i, int64_t slot, int64_t n, int64_t) {
        row.blocks[i]->clear(part, slot, n);
      });
      each_block(offset + given, offset + count, [&](std::size_t i, int64_t slot, int64_t n, int64_t at) {
        row.blocks[i]->store(part, slot, n, k, v, static_cast<int64_t>(r), at - offset - missing);
      });
    }
  }

  /// Copies the keys of a layer to dense tensors, rows aligned on the right.
  void read(int number, DLTensor *out_k, DLTensor *out_v) {
    const int part = layout_->part_of[number];
    exported_.describe(layers_[number], std::ssize(rows_), columns_, out_k, out_v);
    if (columns_ == 0) return;
    const bool in_keys = layout_->parts[part].values_in_keys;
    const Block k = block_of(*out_k), v = in_keys ? k : block_of(*out_v);
    for (int64_t r = 0; r < std::ssize(rows_); ++r) {
      const int64_t empty = columns_ - lengths_[r];
      for (int64_t head = 0; head < layout_->parts[part].heads; ++head) {
        for (const Block *to : {&k, &v})
          clear(to->data + r * to->row_stride + head * to->head_stride, empty * to->slot_stride);
      }
      each_block(0, lengths_[r], [&](std::size_t i, int64_t slot, int64_t n, int64_t at) {
        rows_[r].blocks[i]->copy_to(part, slot, n, k, in_keys ? nullptr : &v, r, empty + at);
      });
    }
  }

 private:
  static constexpr int64_t kMaxRows = int64_t{1} << 16, kFar = int64_t{1} << 41;
  /// A block that a step puts into a row; swapped with what was there.
  struct Change {
    std::size_t row, index;
    BlockPtr block;

    void apply(std::vector<Row> &rows) {
      std::vector<BlockPtr> &blocks = rows[row].blocks;
      if (index == blocks.size()) blocks.emplace_back();
      std::swap(blocks[index], block);
    }
    void undo(std::vector<Row> &rows) {
      std::vector<BlockPtr> &blocks = rows[row].blocks;
      std::swap(blocks[index], block);
      if (!blocks[index]) blocks.pop_back();
    }
  };
  struct Saved {
    BlockPtr block;
    int64_t used;
  };

  bool holds_tokens() const {
    return std::any_of(rows_.begin(), rows_.end(), [](const Row &row) { return row.length() > 0; });
  }
  static Row started_at(int64_t position) { return {std::max<int64_t>(position, 0), position}; }
  /// How many of a row's `count` new tokens are at positions below 0.
  static int64_t padding(const Row &row, int64_t count) { return std::clamp<int64_t>(-row.next, 0, count); }

  void check(const Step &step) const {
    if (!holds_tokens()) return;
    if (step.rows != std::ssize(rows_))
      fail(KVERN_INVALID_ARGUMENT, "a step of ", step.rows, " rows on a cache that holds ", rows_.size());
    for (int64_t row = 0; row < step.rows; ++row) {
      if (step.row_new[row] == 0 || step.row_pos[row] == rows_[row].next) continue;
      fail(KVERN_INVALID_ARGUMENT, "row ", row, " continues at position ", step.row_pos[row],
           ", but it ended before ", rows_[row].next);
    }
  }

  void require_capacity(const std::vector<Row> &rows, const std::vector<int64_t> &lengths) const {
    for (std::size_t r = 0; r < rows.size() && policy_.capacity >= 0; ++r) {
      if (lengths[r] <= policy_.capacity) continue;
      fail(KVERN_OUT_OF_CAPACITY, "row ", r, " holds ", rows[r].length(), " tokens and ",
           lengths[r] - rows[r].length(), " more are to come, but its capacity is ", policy_.capacity);
    }
  }

  /// The blocks that rows of these lengths need and do not have: new ones, and copies of shared ones that will be written to.
  std::vector<Change> planned(const std::vector<Row> &rows, const std::vector<int64_t> &lengths) {
    std::vector<Change> changes;
    const int64_t size = layout_->slots;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::vector<BlockPtr> &blocks = rows[r].blocks;
      const int64_t held = rows[r].length();
      const auto last = static_cast<std::size_t>(held / size);
      if (lengths[r] > held && last < blocks.size() &&
          (is_seen_by_others(blocks, last) || blocks[last]->is_packed())) {
        changes.push_back({r, last, make_block()});
        changes.back().block->copy_from(*blocks[last], 0, 0, held % size);
        changes.back().block->stays_dense = blocks[last]->is_packed() || blocks[last]->stays_dense;
      }
      std::vector<BlockPtr> made;
      for (int64_t i = std::ssize(blocks); i * size < lengths[r]; ++i)
        changes.push_back({r, static_cast<std::size_t>(i), next_block(made, i, lengths[r])});
    }
    return changes;
  }

  /// Leading blocks of a row of so many tokens that are full and behind which `residual` tokens are.
  int64_t n_packable(int64_t length) const {
    return layout_->packing ? std::max<int64_t>(0, length - policy_.residual) / layout_->slots : 0;
  }

  /// Memory for the blocks that a step may pack: one for each that several rows share.
  std::vector<BlockPtr> reserve_packed(const std::vector<Row> &rows, const std::vector<int64_t> &lengths) {
    std::vector<BlockPtr> made;
    std::unordered_set<const RowBlock *> seen;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const int64_t full = rows[r].length() / layout_->slots;
      for (int64_t i = rows[r].settled; i < n_packable(lengths[r]); ++i) {
        const RowBlock *block = i < full ? rows[r].blocks[static_cast<std::size_t>(i)].get() : nullptr;
        if (block && (block->is_packed() || block->stays_dense || !seen.insert(block).second)) continue;
        made.push_back(std::make_shared<RowBlock>(layout_, true));
      }
    }
    return made;
  }

  /// Packs what a step has filled. Other caches that share a block keep it as it is.
  void pack_full_blocks() {
    std::unordered_map<const RowBlock *, BlockPtr> packed;
    std::vector<std::pair<BlockPtr, BlockPtr>> pairs;
    for (Row &row : rows_) {
      for (const int64_t end = n_packable(row.length()); row.settled < end; ++row.settled) {
        BlockPtr &block = row.blocks[static_cast<std::size_t>(row.settled)];
        if (block->is_packed() || block->stays_dense) continue;
        const auto [at, fresh] = packed.try_emplace(block.get());
        if (fresh) {
          at->second = std::move(to_pack_.back());
          to_pack_.pop_back();
          pairs.emplace_back(block, at->second);
        }
        block = at->second;
      }
    }
    if (!pairs.empty()) pack(*layout_, pairs);
  }

  bool joins() const { return !layout_->packing && !policy_.recycle && !layout_->mover.on_device(); }
  /// Block i of a row that shall have so many tokens. Those that are joined with it wait in `made`.
  BlockPtr next_block(std::vector<BlockPtr> &made, int64_t i, int64_t length) {
    const int64_t n = made.empty() && joins() ? n_joined(i, length / layout_->slots) : 1;
    if (n > 1) made = make_joined(layout_, n);
    if (made.empty()) return make_block();
    BlockPtr block = std::move(made.front());
    made.erase(made.begin());
    return block;
  }
  BlockPtr make_block() {
    if (spare_.empty()) return std::make_shared<RowBlock>(layout_);
    BlockPtr block = std::move(spare_.back());
    spare_.pop_back();
    return block;
  }
  void release(BlockPtr &block) {
    if (policy_.recycle && block && !is_shared(block)) spare_.push_back(std::move(block));
    block.reset();
  }
  /// Releases the blocks of a row behind so many tokens.
  void cut(Row &row, int64_t length) {
    const auto blocks = static_cast<std::size_t>((length + layout_->slots - 1) / layout_->slots);
    for (; row.blocks.size() > blocks; row.blocks.pop_back()) release(row.blocks.back());
    row.settled = std::min(row.settled, length / layout_->slots);
    if (joins()) row.settled -= row.settled % kJoinedBlocks.front();
  }

  /// Zeros in memory of the cache's device.
  void clear(std::byte *data, int64_t bytes) const {
    if (bytes == 0) return;
    if (!layout_->mover.on_device()) {
      std::memset(data, 0, static_cast<std::size_t>(bytes));
      return;
    }
    layout_->mover.zero(Placed(data, layout_->host.device(), {kDLUInt, 8, 1}, {bytes}, {1}).out());
  }

  /// All rows end in the last column: what is before a shorter row is at negative positions. Only where that row does not begin
  /// at position 0 a table must say so.
  void open_view() {
    first_pos_.clear(), key_pos_.clear();
    bool table = false;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const int64_t end = rows_[r].next + step_->row_new[r];
      first_pos_.push_back(end - columns_);
      table = table || (lengths_[r] < columns_ && end > lengths_[r]);
    }
    for (std::size_t r = 0; r < rows_.size() && table; ++r) {
      for (int64_t column = 0; column < columns_; ++column)
        key_pos_.push_back(column < columns_ - lengths_[r] ? -1 : first_pos_[r] + column);
    }
  }

  template <class Keep>
  void close(Keep keep) {
    const auto kept = [&](std::size_t r) {
      return std::min<int64_t>(keep(static_cast<int64_t>(r)), step_->row_new[r]);
    };
    bool any = false;
    for (std::size_t r = 0; r < rows_.size(); ++r) any = any || kept(r) > 0;
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change)
      if (kept(change->row) == 0) change->undo(rows_);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      rows_[r].next += kept(r);
      cut(rows_[r], rows_[r].length());
    }
    for (Change &change : changes_) release(change.block);
    if (starts_ && !any) rows_ = std::move(replaced_);
    if (any) pack_full_blocks();
    to_pack_.clear();
    changes_.clear(), replaced_.clear();
    exported_.end();
    counted_ = false;
  }

  /// Calls visit(block, slot in it, number of slots, token) for the blocks that hold tokens begin .. end - 1 of a row.
  template <class Visit>
  void each_block(int64_t begin, int64_t end, Visit visit) const {
    const int64_t size = layout_->slots;
    for (int64_t at = begin, n = 0; at < end; at += n) {
      n = std::min(size - at % size, end - at);
      visit(static_cast<std::size_t>(at / size), at % size, n, at);
    }
  }

  /// Calls visit(block, slots in use) for the blocks of every row: once for each row that has the block.
  template <class Visit>
  void each_use(Visit visit) const {
    for (const Row &row : rows_) {
      each_block(0, row.length(),
                 [&](std::size_t i, int64_t slot, int64_t n, int64_t) { visit(*row.blocks[i], slot + n); });
    }
  }

  /// Blocks and slots in use, shared ones once; after a change only, since a host calls info in every step.
  void count() const {
    if (counted_) return;
    std::unordered_map<const RowBlock *, int64_t> used;
    for (const Row &row : rows_)
      for (const BlockPtr &block : row.blocks) used[block.get()];
    each_use([&](const RowBlock &block, int64_t slots) { used[&block] = std::max(used[&block], slots); });
    n_slots_ = n_packed_ = n_blocks_ = 0;
    for (const auto &[block, slots] : used) n_slots_ += block->is_packed() ? 0 : slots;
    for (const Change &change : changes_)
      if (change.block) used[change.block.get()];
    for (const BlockPtr &block : spare_) used[block.get()];
    std::unordered_set<const BlockMemory *> memories;
    for (const auto &[block, slots] : used)
      if (memories.insert(&block->memory()).second)
        (block->is_packed() ? n_packed_ : n_blocks_) += block->memory().n_blocks;
    n_packed_ += std::ssize(to_pack_);
    counted_ = true;
  }

  /// The tokens of a row of another cache in blocks of one's own.
  std::vector<BlockPtr> copies(const Row &row, const BlockLayout &from) {
    std::vector<BlockPtr> blocks, made;
    const int64_t mine = layout_->slots, theirs = from.slots;
    for (int64_t at = 0, n = 0; at < row.length(); at += n) {
      if (at % mine == 0) blocks.push_back(next_block(made, at / mine, row.length()));
      n = std::min({mine - at % mine, theirs - at % theirs, row.length() - at});
      blocks.back()->copy_from(*row.blocks[static_cast<std::size_t>(at / theirs)], at % theirs, at % mine, n);
    }
    return blocks;
  }

  Row load_row(Reader &in, std::vector<Saved> &blocks) {
    Row row;
    row.first = in.integer("a row's first position", 0, kFar);
    row.next = in.integer("a row's next position", -kFar, kFar);
    const int64_t size = layout_->slots, length = row.length();
    std::vector<BlockPtr> made;  // for blocks that are new
    if (policy_.capacity >= 0 && length > policy_.capacity)
      fail(KVERN_BAD_DATA, "the saved cache has a row of ", length, " tokens, this one has room for ",
           policy_.capacity);
    for (int64_t at = 0; at < length; at += size) {
      const int64_t number = in.integer("a block", 0, std::ssize(blocks)), need = std::min(size, length - at);
      if (number == std::ssize(blocks)) {
        const int64_t used = in.integer("tokens of a block", 1, size);
        const int64_t kind = layout_->packing ? in.integer("the kind of a block", 0, 2) : 0;
        BlockPtr block =
            kind == 1 ? std::make_shared<RowBlock>(layout_, true) : next_block(made, at / size, length);
        blocks.push_back({std::move(block), used});
        blocks.back().block->stays_dense = kind == 2;
        blocks.back().block->load(in, used);
      }
      if (blocks[number].used < need) fail(KVERN_BAD_DATA, "the saved cache has a block with too few tokens");
      row.blocks.push_back(blocks[number].block);
    }
    return row;
  }

  RowPolicy policy_;
  Layers layers_;
  std::shared_ptr<const BlockLayout> layout_;
  std::vector<Row> rows_;
  std::vector<BlockPtr> spare_;
  ExportMemory exported_;

  // of the open step
  const Step *step_ = nullptr;
  bool starts_ = false;
  std::vector<Row> replaced_;      // rows without tokens that the step's rows have replaced
  std::vector<Change> changes_;    // with what was there before
  std::vector<BlockPtr> to_pack_;  // memory for what may be packed when it ends
  std::vector<int64_t> lengths_, first_pos_, key_pos_;
  int64_t columns_ = 0;

  mutable bool counted_ = false;
  mutable int64_t n_blocks_ = 0, n_packed_ = 0, n_slots_ = 0;
};

KVERN_SDK_END
