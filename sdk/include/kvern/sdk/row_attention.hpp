// A RowCache that attends on its blocks in place, with kvern's kernels on the host's threads. It needs kvern::kernels.
#pragma once
#include <kvern/abi/parallel.h>
#include <kvern/sdk/kernel_call.hpp>
#include <kvern/sdk/row_cache.hpp>
#include <kvern/sdk/verbs.hpp>

#include "kernels/attention_blocks.hpp"

KVERN_SDK_BEGIN

class AttendingRowCache : public RowCache {
 public:
  static constexpr bool runs_on_device = true;

  AttendingRowCache(const Create &create, const RowPolicy &policy)
      : RowCache(create, policy),
        type_(find_kernel_type(create.type)),
        parallel_(create.host.extension<kvern_parallel_1>(KVERN_PARALLEL_1)) {}

  /// The kernels compute on the CPU; on another device the host attends to what update exports.
  bool offers(Verb verb) const { return verb != Verb::attend || !layout().mover.on_device(); }

  void begin(const Step &step) {
    RowCache::begin(step);
    try {
      find_stretches();
    } catch (...) {
      RowCache::end(0);
      throw;
    }
  }

  void attend(const kvern_attend &request) {
    require_supported(request);
    if (request.k) store(request.layer, *request.k, request.v);
    if (step().n_new == 0) return;
    const int part = layout().part_of[request.layer];
    kernels::BlockedCall call{blocked_call(request, part), nullptr, layout().slots};
    prefetch_addresses(part);
    gather_addresses(part);
    call.rows = blocked_.data();
    kernels::attention(call, parallel());
  }

 protected:
  /// Without workspace.
  AttendingRowCache(const AttendingRowCache &other)
      : RowCache(other), type_(other.type_), parallel_(other.parallel_) {}

  /// UNSUPPORTED for what attend cannot serve.
  void require_supported(const kvern_attend &request) const {
    if (!type_ || !find_kernel_type(request.q->dtype) || !find_kernel_type(request.out->dtype))
      fail(KVERN_UNSUPPORTED, "the kernels do not compute with keys or queries of this dtype");
    if (!request.bias) return;
    for (std::size_t r = 0; r < rows().size(); ++r)
      if (length(r) != columns())
        fail(KVERN_UNSUPPORTED, "a bias on rows of different lengths: its columns are those of the view");
  }

  /// The call over all tokens of a layer, its keys' addresses left out. Valid until the next one.
  kernels::AttentionCall blocked_call(const kvern_attend &request, int number) {
    const BlockLayout::Part &part = layout().parts[number];
    q_pos_.clear(), first_pos_.clear();
    for (std::size_t r = 0; r < rows().size(); ++r) {
      first_pos_.push_back(rows()[r].first);
      for (int64_t i = 0; i < step().n_new; ++i) q_pos_.push_back(step().row_pos[r] + i);
    }
    kernels::AttentionCall call = query_call(request, q_pos_.data(), 0, step().rows);
    call.kv_heads = part.heads;
    call.kv_len = columns();
    call.kv_type = *type_;
    call.k_stride.pos = part.dim_k;
    call.v_stride.pos = part.values_in_keys ? part.dim_k : part.dim_v;
    call.first_pos = first_pos_.data();
    call.round_to_bf16 = *type_ == kernels::Dtype::bf16;  // as kernel_call
    return call;
  }

  /// The host's threads, or one where it offers none.
  kernels::Parallel parallel() const {
    if (!parallel_) return kernels::serial();
    return {parallel_->threads(parallel_->ctx), parallel_->ctx, parallel_->run};
  }
  /// Tokens of a row that are in block i.
  int64_t tokens_in(std::size_t row, std::size_t i) const {
    return std::min(layout().slots, length(row) - static_cast<int64_t>(i) * layout().slots);
  }
  /// A dense block of a row, for the kernels.
  kernels::KeyBlock key_block(int part, std::size_t row, std::size_t i) const {
    return key_block(part, *rows()[row].blocks[i], tokens_in(row, i));
  }
  /// The same, and the tokens of blocks that follow it in memory will be read as well.
  kernels::KeyBlock key_block(int part, const RowBlock &block, int64_t tokens) const {
    const BlockAddress address = block.read(part, tokens);
    const int64_t size = element_bytes(layout().type);
    return {address.k, address.v, address.k_head / size, address.v_head / size};
  }

 private:
  /// Blocks of a row whose tokens follow each other in memory.
  struct Stretch {
    const RowBlock *first;
    int64_t tokens;
  };

  void find_stretches() {
    const int64_t slots = layout().slots;
    stretches_.clear();
    for (std::size_t r = 0; r < rows().size(); ++r) {
      const RowBlock *before = nullptr;
      for (int64_t at = 0; at < length(r); at += slots) {
        const RowBlock &block = *rows()[r].blocks[static_cast<std::size_t>(at / slots)];
        if (!before || !block.follows(*before)) stretches_.push_back({&block, 0});
        stretches_.back().tokens += std::min(slots, length(r) - at);
        before = &block;
      }
    }
  }

  /// Whatever of the blocks' bookkeeping the last layer's keys have displaced is read side by side, not one after another.
  void prefetch_addresses(int part) const {
    for (const Stretch &stretch : stretches_) stretch.first->prefetch_memory(part);
    for (const Stretch &stretch : stretches_) stretch.first->prefetch_host(part);
  }

  void gather_addresses(int part) {
    const int64_t slots = layout().slots;
    const BlockLayout::Part &shape = layout().parts[part];
    blocks_.clear(), blocked_.clear();
    for (const Stretch &stretch : stretches_) {
      kernels::KeyBlock at = key_block(part, *stretch.first, stretch.tokens);
      for (int64_t left = stretch.tokens; left > 0; left -= slots) {
        blocks_.push_back(at);
        at.k = kernels::element_at(at.k, *type_, slots * shape.dim_k);
        at.v = kernels::element_at(at.v, *type_, slots * (shape.values_in_keys ? shape.dim_k : shape.dim_v));
      }
    }
    const kernels::KeyBlock *next = blocks_.data();
    for (std::size_t r = 0; r < rows().size(); ++r) {
      blocked_.push_back({next, length(r)});
      next += (length(r) + slots - 1) / slots;
    }
  }

  std::optional<kernels::Dtype> type_;
  const kvern_parallel_1 *parallel_;
  // workspace, kept from step to step
  std::vector<int64_t> q_pos_, first_pos_;
  std::vector<Stretch> stretches_;
  std::vector<kernels::KeyBlock> blocks_;
  std::vector<kernels::BlockedRow> blocked_;
};

KVERN_SDK_END
