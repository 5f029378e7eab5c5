// A whole cache of keys and values: storage (how a token is stored) times retention (which tokens are kept). begin, end, rows,
// positions and streams are done here.
#pragma once
#include <concepts>
#include <kvern/sdk/late_import.hpp>
#include <kvern/sdk/layer_storage.hpp>
#include <kvern/sdk/retention/keep_all.hpp>
#include <kvern/sdk/slots.hpp>
#include <memory>

KVERN_SDK_BEGIN

/// The retention of a layer in a cache that is made of a class C: C::retention(create, layer) where that exists, else
/// Retention::of(layer), else the default.
template <class C, class Retention>
struct LayerRetention {
  const Create &create;

  Retention operator()(int, const Layer &layer) const {
    if constexpr (requires { C::retention(create, layer); })
      return C::retention(create, layer);
    else if constexpr (requires { Retention::of(layer); })
      return Retention::of(layer);
    else
      return Retention();
  }
};

/// What a retention that drops tokens needs.
template <class R>
concept Drops = requires(const R &r, const Slots &slots, const Step &step) {
  { r.limit(slots, step) } -> std::convertible_to<int64_t>;
  { r.droppable(slots) } -> std::same_as<SlotRange>;
  { r.first_visible(slots) } -> std::convertible_to<int64_t>;
  { r.rollback(slots) } -> std::convertible_to<int64_t>;
};

/// Storage: `Dense`, LayerStorage of a layer class, or a class with the same methods; those marked optional in LayerStorage by
/// a requires clause decide which verbs exist. Retention: see retention/keep_all.hpp. Layers whose retentions are equal form a
/// group with slots of its own.
template <class Storage, class Retention = KeepAll>
class KeyCache {
  static_assert(!Retention::drops || Storage::drops_slots,
                "this storage keeps all tokens: it lacks drop, or rows cannot be appended to it");
  static_assert(
      !Retention::drops || Drops<Retention>,
      "a retention that drops tokens needs, all const: int64_t limit(const Slots &, const Step &), SlotRange "
      "droppable(const Slots &), int64_t first_visible(const Slots &), int64_t rollback(const Slots &)");

 public:
  using conditional_verbs = KeyCache;  ///< these verbs exist only if the storage has their methods

  /// All layers keep alike.
  KeyCache(const Create &create, const typename Storage::Policy &policy, const Retention &retention = {})
      : KeyCache(create, policy, [&](int, const Layer &) { return retention; }) {}

  /// retention_of(number, layer), of layers with keys of their own. Throws what it and Storage's constructor throw.
  template <class Choose>
  requires std::invocable<Choose, int, const Layer &> KeyCache(const Create &create,
                                                               const typename Storage::Policy &policy,
                                                               Choose retention_of)
      : layers_(create.layers), group_of_(layers_.size(), 0) {
    require_attention_layers(create);
    std::vector<Retention> retentions;
    std::vector<std::vector<int>> members;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].kind != KVERN_LAYER_ATTENTION) continue;
      const Retention retention = retention_of(static_cast<int>(i), layers_[i]);
      const auto at = std::find(retentions.begin(), retentions.end(), retention) - retentions.begin();
      if (at == std::ssize(retentions)) retentions.push_back(retention), members.emplace_back();
      members[at].push_back(static_cast<int>(i));
      group_of_[i] = static_cast<int>(at);
    }
    if (members.empty()) retentions.emplace_back(), members.emplace_back();  // rows are counted all the same
    for (std::size_t i = 0; i < members.size(); ++i) {
      groups_.push_back({retentions[i], Slots(), Storage(create, members[i], policy, Retention::drops)});
    }
  }
  KeyCache &operator=(const KeyCache &) = delete;

  void begin(const Step &step) {
    for (const Group &group : groups_) group.slots.check(step);
    if constexpr (!kClears) {
      if (step.ragged) fail(KVERN_UNSUPPORTED, "this cache takes rows of one length only");
    }
    int64_t need = 0;
    if (__builtin_add_overflow(slots().held(), step.n_new, &need))
      fail(KVERN_INVALID_ARGUMENT, "n_new is too large");
    require_capacity(need, step.n_new);
    reserve_all(
        groups_, [&](Group &group, std::size_t) { open(group, step); },
        [&](Group &group, std::size_t) { undo(group, step); });
    step_ = &step;
  }

  void view(int layer, kvern_view &view) { group(layer).view(view); }

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
    for (Group &group : groups_) {
      group.slots.clear();
      group.storage.reset();
    }
  }

  void info(int layer, kvern_info &info) const {
    const int64_t capacity = this->capacity();
    info.tokens = slots().tokens();
    info.capacity = capacity;
    info.max_new = capacity < 0 ? -1 : capacity - slots().held();
    info.rollback = -1;
    info.rows = slots().rows();
    for (const Group &group : groups_) {
      info.bytes_device += group.storage.bytes(layer);
      const int64_t used = group.storage.bytes_used(layer, group.used());
      info.bytes_used = used < 0 || info.bytes_used < 0 ? -1 : info.bytes_used + used;
      const int64_t rollback = group.rollback();
      if (rollback >= 0) info.rollback = info.rollback < 0 ? rollback : std::min(info.rollback, rollback);
    }
  }

  void gather(std::span<const int64_t> rows) requires requires(Storage &s, Extent used) {
    s.gather(rows, used);
  }
  {
    reserve_all(
        groups_,
        [&](Group &group, std::size_t) { group.storage.reserve_rows(std::ssize(rows), group.used()); },
        [&](Group &group, std::size_t) { group.storage.undo(group.used()); });
    for (Group &group : groups_) {
      group.storage.gather(rows, group.used());
      group.slots.gather(rows);
      group.drop(group.unheld());
      while (group.drop(group.droppable())) continue;
    }
  }

  void append(const KeyCache &from) requires requires(Storage &s, const Storage &other, Extent used) {
    s.append(other, used, used);
  }
  {
    if (from.slots().held() == 0) return;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (groups_[i].retention == from.groups_[i].retention) continue;
      fail(KVERN_INVALID_ARGUMENT, "append: the source keeps other tokens than this cache");
    }
    require_capacity(std::max(slots().held(), from.slots().held()), 0);
    std::vector<Slots> joined;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      joined.push_back(groups_[i].slots);
      joined.back().append(from.groups_[i].slots);
    }
    reserve_all(
        groups_,
        [&](Group &group, std::size_t i) {
          group.storage.reserve_append(from.groups_[i].storage, group.used(), from.groups_[i].used());
        },
        [&](Group &group, std::size_t) { group.storage.undo(group.used()); });
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      groups_[i].storage.append(from.groups_[i].storage, groups_[i].used(), from.groups_[i].used());
      groups_[i].slots = std::move(joined[i]);
    }
  }

  void truncate(std::span<const int64_t> row_pos) {
    for (const Group &group : groups_) require_rollback(group, row_pos);
    for (Group &group : groups_) {
      group.slots.truncate(row_pos);
      group.storage.truncate(group.used());
    }
  }

  void save(Writer &out) const requires requires(const Storage &s, Extent used) { s.save(out, used); }
  {
    for (const Group &group : groups_) {
      group.slots.save(out);
      group.storage.save(out, group.used());
    }
  }

  void load(Reader &in) requires requires(Storage &s, Slots &slots) { s.load(in, slots); }
  {
    for (Group &group : groups_) group.slots.clear();
    for (Group &group : groups_) {
      Slots loaded;
      loaded.load(in);
      if (capacity() >= 0 && loaded.held() > capacity()) {
        fail(KVERN_BAD_DATA, "the saved cache has ", loaded.held(), " slots, this one takes ", capacity());
      }
      group.storage.load(in, loaded);
      group.slots = std::move(loaded);
    }
  }

 protected:
  KeyCache(const KeyCache &other) requires std::constructible_from<Storage, const Storage &, Extent>
      : layers_(other.layers_), group_of_(other.group_of_) {
    for (const Group &group : other.groups_) {
      groups_.push_back({group.retention, group.slots, Storage(group.storage, group.used())});
    }
  }

  const Step &step() const { return *step_; }
  const Layer &layer(int number) const { return layers_[number]; }
  int n_layers() const { return static_cast<int>(layers_.size()); }
  /// Of one layer, or of a cache all of whose layers keep alike.
  const Slots &slots(int layer) const { return group(layer).slots; }
  const Slots &slots() const { return groups_[0].slots; }
  Storage &storage(int layer) { return group(layer).storage; }
  Storage &storage() { return groups_[0].storage; }
  const Retention &retention(int layer) const { return group(layer).retention; }
  Retention &retention(int layer) { return group(layer).retention; }

  /// Writes the new keys and values of a layer, and makes the slots finite that no token is in.
  void store(int number, const DLTensor &k, const DLTensor *v) {
    Group &group = this->group(number);
    const int64_t missing = missing_columns(*step_, number, layers_[number], k.shape[2]);
    const int64_t held = group.slots.held();
    if (!kClears && missing > 0) fail(KVERN_UNSUPPORTED, "this cache imports all tokens of a layer or none");
    group.storage.store(number, held + missing, k, v);
    if constexpr (kClears) {
      for (int64_t row = 0; row < step_->rows && (missing > 0 || step_->ragged); ++row) {
        if (missing > 0) group.storage.clear(number, row, held, held + missing);
        const int64_t count = std::max(missing, step_->row_new[row]);
        if (count < step_->n_new) group.storage.clear(number, row, held + count, held + step_->n_new);
      }
    }
  }

  /// Exports the visible slots of a layer, the open step's included.
  void read(int number, DLTensor *out_k, DLTensor *out_v) {
    Group &group = this->group(number);
    group.storage.read(number, {step_->rows, group.slots.size()}, out_k, out_v);
    if (group.first_visible == 0) return;
    for (DLTensor *out : {out_k, out_v}) {
      const int64_t skipped = group.first_visible * stride_of(*out, 2) * element_bytes(out->dtype);
      out->data = static_cast<std::byte *>(out->data) + skipped;
      out->shape[2] -= group.first_visible;
    }
  }

  /// Frees the memory of an empty cache.
  void release() {
    for (Group &group : groups_) group.storage.release();
  }

  /// Drops all tokens, an open step included, and frees the memory.
  void forget() {
    for (Group &group : groups_) group.slots.clear();
    release();
  }

 private:
  static constexpr bool kMasks = requires(const Retention &retention, int64_t position) {
    retention.sees(position, position);
  };
  static constexpr bool kDropsRanges = requires { requires Retention::drops_ranges; };
  static constexpr bool kClears = requires(Storage & s, int layer, int64_t n) { s.clear(layer, n, n, n); };

  /// Layers that keep alike: one retention, one table of slots.
  struct Group {
    Retention retention;
    Slots slots;
    Storage storage;
    int64_t first_visible = 0;         // of the open step
    std::vector<int64_t> first_pos{};  // [rows] of slot first_visible, where the slots are linear
    std::vector<int64_t> key_pos{};    // [rows, slots.size()], where the retention masks some

    Extent used() const { return {slots.rows(), slots.held()}; }

    int64_t rollback() const {
      if constexpr (Retention::drops) return retention.rollback(slots);
      return -1;
    }

    /// What the queries of an opened step see.
    void show(const Step &step) {
      if constexpr (Retention::drops) {
        first_visible = retention.first_visible(slots);
        first_pos.clear();
        for (int64_t row = 0; row < step.rows && slots.linear() && first_visible > 0; ++row)
          first_pos.push_back(slots.position(row, first_visible));
      }
      if constexpr (kMasks) {
        key_pos.clear();
        for (int64_t row = 0; row < step.rows && retention.masks(slots); ++row) {
          for (int64_t slot = 0; slot < slots.size(); ++slot) {
            const int64_t position = slots.position(row, slot);
            key_pos.push_back(retention.sees(position, step.row_pos[row]) ? position : -1);
          }
        }
      }
    }

    void view(kvern_view &view) const {
      slots.view(view);
      if (!key_pos.empty()) {
        view.first_pos = nullptr;
        view.key_pos = key_pos.data();
        view.row_stride = slots.size();
      }
      if (first_visible == 0) return;
      view.kv_len -= first_visible;
      if (view.key_pos) view.key_pos += first_visible;
      if (view.first_pos) view.first_pos = first_pos.data();
    }

    /// What the step may leave: everything, or where rows of one length lose their oldest tokens, `limit` and the holes among them.
    Reservation reservation(const Step &step) const {
      Reservation need{step.rows, slots.held(), step.n_new, slots.held() + step.n_new};
      if constexpr (Retention::drops) {
        const bool alike =
            (slots.held() == 0 || slots.aligned()) && !step.ragged && !(step.tentative() && step.rows > 1);
        need.limit = retention.limit(slots, step) + slots.holes();
        if (alike) need.kept = std::min(need.kept, need.limit);
      }
      return need;
    }

    SlotRange droppable() const {
      if constexpr (Retention::drops) {
        if (slots.held() > 0) return retention.droppable(slots);
      }
      return {};
    }
    /// Leading slots of which the storage holds nothing in any row, since rows are gone.
    SlotRange unheld() const {
      if constexpr (requires { storage.unheld(Extent()); }) return {0, storage.unheld(used())};
      return {};
    }
    bool drop(const SlotRange &range) {
      if (range.count == 0) return false;
      storage.drop(used(), range);
      slots.drop(range.begin, range.count);
      forget(range);
      return true;
    }
    void forget(const SlotRange &range) {
      if constexpr (kDropsRanges) retention.dropped(range);
    }
  };

  Group &group(int layer) { return groups_[group_of_[layer]]; }
  const Group &group(int layer) const { return groups_[group_of_[layer]]; }

  void open(Group &group, const Step &step) {
    group.storage.reserve(group.reservation(step));
    try {
      if constexpr (kMasks || kDropsRanges) group.slots.reserve(step);
      group.slots.open(step);
      group.show(step);
    } catch (...) {
      undo(group, step);
      throw;
    }
  }
  void undo(Group &group, const Step &step) noexcept {
    if (group.slots.size() > group.slots.held()) group.slots.close(step, int64_t{0});
    group.storage.undo(group.used());
  }

  template <class Keep>
  void close(Keep keep) {
    for (Group &group : groups_) {
      group.slots.close(*step_, keep);
      SlotRange range = group.droppable();
      if constexpr (kDropsRanges) {
        for (; range.count > 0; range = group.droppable()) group.drop(range);
      }
      group.storage.commit(group.used(), range);
      if (range.count > 0) group.slots.drop(range.begin, range.count);
    }
  }

  int64_t capacity() const {
    if constexpr (requires(const Storage &s) { s.policy().capacity; })
      return groups_[0].storage.policy().capacity;
    return -1;
  }

  void require_capacity(int64_t need, int64_t n_new) const {
    const int64_t capacity = this->capacity();
    if (capacity < 0 || need <= capacity) return;
    fail(KVERN_OUT_OF_CAPACITY, "the cache holds ", need - n_new, " slots and ", n_new,
         " more are to come, but its capacity is ", capacity);
  }

  static void require_rollback(const Group &group, std::span<const int64_t> row_pos) {
    const int64_t rollback = group.rollback();
    for (int64_t row = 0; row < group.slots.rows() && rollback >= 0; ++row) {
      if (group.slots.next(row) - row_pos[row] <= rollback) continue;
      fail(KVERN_UNSUPPORTED, "truncate: row ", row, " would lose ", group.slots.next(row) - row_pos[row],
           " tokens, but only the last ", rollback, " can be taken back: older ones are dropped");
    }
  }

  Layers layers_;
  std::vector<int> group_of_;  // by layer
  std::vector<Group> groups_;
  const Step *step_ = nullptr;
};

KVERN_SDK_END
