// Memory of a group of layers that share their slots: growth, rows, streams. Which position is in which slot is unknown here.
#pragma once
#include <kvern/sdk/growth.hpp>
#include <kvern/sdk/slot_layer.hpp>
#include <kvern/sdk/slots.hpp>

KVERN_SDK_BEGIN

/// What a step needs of the storage.
struct Reservation {
  int64_t rows = 0, held = 0, n_new = 0;
  int64_t kept = 0;    ///< maximum number of slots held when the step has ended; at most held + n_new
  int64_t limit = -1;  ///< more slots than that are not over-allocated; -1 = no limit
};

/// The storage `Dense` of a KeyCache, for any layer class L. Where fewer slots are kept than a step has, the step gets memory of
/// its own, so that what stays between steps is small and is not moved.
template <SlotLayer L>
class LayerStorage {
 public:
  using Policy = GrowthPolicy;
  static constexpr bool drops_slots = DropsSlots<L> && AppendsRows<L>;

  /// Of these layers; drops: the retention drops tokens. Throws what L throws.
  LayerStorage(const Create &create, const std::vector<int> &numbers, const Policy &policy, bool drops)
      : policy_(policy), layers_(create.layers.size()), step_layers_(create.layers.size()) {
    for (const int i : numbers) {
      layers_[i].emplace(LayerCreate{create, i, create.layers[i]});
      if (drops) step_layers_[i].emplace(LayerCreate{create, i, create.layers[i]});
    }
  }

  /// A copy allocated for what is held and no more, or for all of the capacity where that is preallocated.
  LayerStorage(const LayerStorage &other, const Extent &used) requires CopiesRows<L>
      : policy_(other.policy_), layers_(other.layers_.size()), step_layers_(other.layers_.size()) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (other.layers_[i]) layers_[i].emplace(copy_of(*other.layers_[i], used));
      if (other.step_layers_[i]) step_layers_[i].emplace(copy_of(*other.step_layers_[i], Extent()));
    }
    allocated_ = used;
    if (policy_.preallocate && used.rows > 0) grow({used.rows, policy_.capacity}, used, -1);
  }

  LayerStorage(LayerStorage &&) noexcept = default;

  const Policy &policy() const { return policy_; }
  L &layer(int number) { return active(static_cast<std::size_t>(number)); }
  const L &layer(int number) const { return const_cast<LayerStorage *>(this)->layer(number); }

  /// All layers or none; `undo` restores the extent, too.
  void reserve(const Reservation &step) {
    const Extent used{step.held > 0 ? step.rows : 0, step.held};
    grow({step.rows, step.kept}, used, step.limit);
    if (step.held + step.n_new <= allocated_.slots) return;
    try {
      reserve_step({step.rows, step.held + step.n_new}, used);
    } catch (...) {
      undo(used);
      throw;
    }
  }

  /// Undoes the last reserve; where there is no memory to shrink by reallocation layers stay over-allocated.
  void undo(const Extent &used) noexcept {
    end_step();
    if (allocated_ == before_) return;
    for (std::optional<L> &part : layers_) restore(part, before_, used);
    allocated_ = before_;
  }

  void store(int layer, int64_t slot, const DLTensor &k, const DLTensor *v) {
    active(layer).store(slot, k, v);
  }
  void clear(int layer, int64_t row, int64_t begin, int64_t end) requires ClearsSlots<L> {
    active(layer).clear(row, begin, end);
  }
  void read(int layer, const Extent &used, DLTensor *k, DLTensor *v) {
    active(layer).read(used, k_desc_, k, v_desc_, v);
  }

  /// The step has ended with these slots in use; `drop` of them are dropped. INTERNAL if more are left than were reserved for.
  void commit(const Extent &used, const SlotRange &drop) {
    if (drop.count > 0) this->drop(used, drop);
    if (!in_step_) return;
    const Extent kept{used.rows, used.slots - drop.count};
    if (kept.slots > allocated_.slots)
      fail(KVERN_INTERNAL, "the retention keeps ", kept.slots, " slots where its limit left room for ",
           allocated_.slots);
    if constexpr (AppendsRows<L>) {
      for (std::size_t i = 0; i < layers_.size(); ++i) {
        if (layers_[i] && !kept.empty()) layers_[i]->append(0, 0, *step_layers_[i], kept);
      }
    }
    end_step();
  }

  void drop(const Extent &used, const SlotRange &range) {
    if constexpr (DropsSlots<L>) {
      for (std::size_t i = 0; i < layers_.size(); ++i) {
        if (layers_[i]) active(i).drop(used, range.begin, range.count);
      }
    }
  }

  void reset() {
    if (!policy_.preallocate) release();
  }
  /// Frees the memory of an empty cache.
  void release() {
    end_step();
    for (std::optional<L> &part : layers_) {
      if (part) part->resize({}, {});
    }
    allocated_ = {};
  }

  /// Allocated bytes of one layer, or with -1 of all.
  int64_t bytes(int only) const {
    return sum(only, [](const L &part) { return part.bytes(); });
  }
  /// Of these, the bytes that the slots in use need; -1 = unknown.
  int64_t bytes_used(int only, const Extent &used) const {
    if constexpr (requires(const L &part) { part.bytes_used(used); }) {
      return sum(only, [&](const L &part) { return part.bytes_used(used); });
    }
    return -1;
  }

  /// Memory for so many rows in all layers or none, before gather.
  void reserve_rows(int64_t rows, const Extent &used) { grow({rows, used.slots}, used, -1); }
  void gather(std::span<const int64_t> rows, const Extent &used) requires GathersRows<L> {
    for (std::optional<L> &part : layers_) {
      if (part) part->gather(rows, used.slots, scratch_);
    }
  }

  /// Memory for the other's rows below its own, in all layers or none, before append.
  void reserve_append(const LayerStorage &, const Extent &used, const Extent &theirs) {
    grow({used.rows + theirs.rows, std::max(used.slots, theirs.slots)}, used, -1);
  }
  /// Copies the other's rows below its own; both end in the same slot.
  void append(const LayerStorage &other, const Extent &used, const Extent &theirs) requires AppendsRows<L> {
    const int64_t size = std::max(used.slots, theirs.slots), by = size - used.slots;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (!layers_[i]) continue;
      if (by > 0 && used.rows > 0) layers_[i]->shift(used, by);
      layers_[i]->append(used.rows, size - theirs.slots, *other.layers_[i], theirs);
      for (int64_t row = 0; row < theirs.rows && theirs.slots < size; ++row) {
        layers_[i]->clear(used.rows + row, 0, size - theirs.slots);
      }
    }
  }

  void truncate(const Extent &) {}

  void save(Writer &out, const Extent &used) const requires StreamsSlots<L> {
    for (int64_t at = 0; at < used.slots; at += section(used)) {
      const int64_t end = std::min(used.slots, at + section(used));
      for (const std::optional<L> &part : layers_) {
        if (part) part->save(out, used.rows, at, end);
      }
    }
  }
  /// Into empty storage. Allocates as the bytes arrive, so that a forged header costs at most so many times what was sent, and
  /// what has been read is moved once or twice.
  void load(Reader &in, const Slots &slots) requires StreamsSlots<L> {
    load(in, Extent{slots.rows(), slots.held()});
  }
  void load(Reader &in, const Extent &saved) requires StreamsSlots<L> {
    if (!policy_.preallocate || saved.rows > allocated_.rows) release();
    for (int64_t at = 0; at < saved.slots; at += section(saved)) {
      const int64_t end = std::min(saved.slots, at + section(saved));
      grow({saved.rows, std::min(saved.slots, std::max(end, kLoadAhead * at))}, {saved.rows, at}, -1);
      for (std::optional<L> &part : layers_) {
        if (part) part->load(in, saved.rows, at, end);
      }
    }
  }

 private:
  L &active(std::size_t i) { return in_step_ ? *step_layers_[i] : *layers_[i]; }

  template <class Value>
  int64_t sum(int only, Value value) const {
    int64_t all = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (only >= 0 && only != static_cast<int>(i)) continue;
      if (layers_[i]) all += value(*layers_[i]);
      if (in_step_ && step_layers_[i]) all += step_layers_[i]->bytes();
    }
    return all;
  }

  static constexpr int64_t kLoadAhead = 16;

  /// Slots of one section of a saved cache: about a megabyte, whatever the number of rows.
  static int64_t section(const Extent &used) {
    return std::max<int64_t>(1, 256 / std::max<int64_t>(1, used.rows));
  }

  /// At least `need` in every layer, or no effect. Layer after layer, so that only one tensor exists twice at a time; where
  /// there is no memory to over-allocate, exactly `need`.
  void grow(const Extent &need, const Extent &used, int64_t limit) {
    before_ = allocated_;
    if (need.rows <= allocated_.rows && need.slots <= allocated_.slots) return;
    if (used.empty()) {
      release();
      before_ = {};
    }
    const Extent exact{std::max(need.rows, before_.rows), std::max(need.slots, before_.slots)};
    const bool longer = need.slots > before_.slots;
    const Extent wanted{exact.rows, longer ? policy_.grown(exact.slots, before_.slots, limit) : exact.slots};
    Extent reached = wanted;
    reserve_all(
        layers_, [&](L &part, std::size_t) { grow_layer(part, wanted, exact, used, reached); },
        [&](L &part, std::size_t) { restore(part, before_, used); });
    allocated_ = reached;
  }

  void grow_layer(L &part, const Extent &wanted, const Extent &exact, const Extent &used,
                  Extent &reached) const {
    if (reached == wanted) {
      try {
        return resize(part, wanted, used);
      } catch (const Failure &failure) {
        if (failure.status() != KVERN_OUT_OF_MEMORY || wanted == exact) throw;
      }
    }
    reached = exact;
    resize(part, exact, used);
  }

  /// No effect if it throws, also where L::resize stops half way.
  void resize(L &part, const Extent &extent, const Extent &used) const {
    try {
      part.resize(extent, used);
    } catch (...) {
      restore(part, before_, used);
      throw;
    }
  }
  static void restore(L &part, const Extent &before, const Extent &used) noexcept {
    try {
      part.resize(before, used);
    } catch (...) {  // it stays over-allocated, contents unchanged
    }
  }
  static void restore(std::optional<L> &part, const Extent &before, const Extent &used) noexcept {
    if (part) restore(*part, before, used);
  }

  /// Memory of a step that is longer than what is kept, with a copy of the slots in use.
  void reserve_step(const Extent &extent, const Extent &used) {
    if constexpr (AppendsRows<L>) {
      reserve_all(
          step_layers_,
          [&](L &part, std::size_t i) {
            try {
              part.resize(extent, {});
            } catch (...) {
              part.resize({}, {});
              throw;
            }
            if (!used.empty()) part.append(0, 0, *layers_[i], used);
          },
          [](L &part, std::size_t) { part.resize({}, {}); });
      in_step_ = true;
    }
  }
  void end_step() noexcept {
    if (!in_step_) return;
    for (std::optional<L> &part : step_layers_) {
      if (part) part->resize({}, {});
    }
    in_step_ = false;
  }

  Policy policy_;
  std::vector<std::optional<L>> layers_, step_layers_;
  Extent allocated_, before_;  // of every layer, at least; now and before the last reserve
  bool in_step_ = false;       // the open step is in step_layers_
  OutTensor k_desc_, v_desc_;
  std::vector<std::byte> scratch_;
};

using Dense = LayerStorage<DenseLayer>;

KVERN_SDK_END
