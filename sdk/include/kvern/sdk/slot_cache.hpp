// A whole cache from a class for one layer that keeps its keys by slot: begin, end, rows, positions and the
// order of things are done here; the layer only moves numbers.
#pragma once
#include <concepts>
#include <kvern/sdk/dense_layer.hpp>
#include <kvern/sdk/late_import.hpp>
#include <kvern/sdk/slots.hpp>
#include <memory>

KVERN_SDK_BEGIN

/// What a layer class must have.
///
///   explicit L(const LayerCreate &)
///   resize(room, used)     become room.rows x room.slots and keep the first used.rows x used.slots; no
///   change if it throws store(slot, k, v)      put k and v [B, H, n, D] into slots slot .. slot + n - 1 (v
///   is nullptr for VALUES_IN_KEYS);
///                          cannot fail but where memory really moves
///   read(used, ...)        hand out the keys and values of the first used.rows x used.slots
///   bytes()                memory held now
template <class L>
concept SlotLayer = std::constructible_from<L, const LayerCreate &> &&
    requires(L &l, const L &c, Room room, int64_t n, const DLTensor *t, OutTensor &h, DLTensor *out) {
  l.resize(room, room);
  l.store(n, *t, t);
  l.read(room, h, out, h, out);
  { c.bytes() } -> std::convertible_to<int64_t>;
};

/// What it may have: the cache offers the verbs that follow from it.
template <class L>  // rows of different lengths, imports that begin late: make slots finite that nobody may
// see
concept ClearsSlots = requires(L &l, int64_t n) {
  l.clear(n, n, n);
};
template <class L>  // gather: row i becomes what row rows[i] was; cannot fail
concept GathersRows = requires(L &l, std::span<const int64_t> rows, int64_t n,
                               std::vector<std::byte> &scratch) {
  l.gather(rows, n, scratch);
};
template <class L>  // append: take another layer's rows below one's own
concept AppendsRows = requires(L &l, const L &other, Room used, int64_t n) {
  l.shift(used, n);
  l.append(n, n, other, used);
};
template <class L>  // clone
concept CopiesRows = requires(const L &l, Room used) {
  { l.copy(used) } -> std::same_as<L>;
};
template <class L>  // save and load: slots begin .. end - 1
concept StreamsSlots = requires(L &l, const L &c, Writer &out, Reader &in, int64_t n) {
  c.save(out, n, n, n);
  l.load(in, n, n, n);
};

/// How a SlotCache deals with memory.
struct SlotPolicy {
  int64_t capacity = -1;     ///< slots of a row at most; -1 = no limit
  bool preallocate = false;  ///< take all of the capacity at once, and keep it on reset: addresses stay
  int64_t expected = 0;      ///< slots that will probably do; 0 = unknown
  bool exact = false;        ///< never take more than is needed now
};

template <SlotLayer L>
class SlotCache {
 public:
  using conditional_verbs = void;  ///< some methods exist only if the layer has theirs

  SlotCache(const Create &create, const SlotPolicy &policy) : policy_(policy), layers_(create.layers) {
    require_attention_layers(create);
    parts_.resize(layers_.size());
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].kind == KVERN_LAYER_ATTENTION) {
        parts_[i].emplace(LayerCreate{create, static_cast<int>(i), layers_[i]});
      }
    }
  }
  SlotCache &operator=(const SlotCache &) = delete;

  void begin(const Step &step) {
    slots_.check(step);
    if constexpr (!ClearsSlots<L>) {
      if (step.ragged) fail(KVERN_UNSUPPORTED, "this cache takes rows of one length only");
    }
    int64_t need = 0;
    if (__builtin_add_overflow(slots_.held(), step.n_new, &need))
      fail(KVERN_INVALID_ARGUMENT, "n_new is too large");
    require_capacity(need, step.n_new);
    make_room(step.rows, need);
    slots_.open(step);
    step_ = &step;
  }

  void view(int, kvern_view &view) { slots_.view(view); }

  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    if (k) store(layer, *k, v);
    if (out_k) parts_[layer]->read({step_->rows, slots_.size()}, out_k_, out_k, out_v_, out_v);
  }

  void end(int64_t n_keep) { slots_.close(*step_, n_keep); }

  void end_rows(std::span<const int64_t> row_keep) { slots_.close(*step_, row_keep); }

  void reset() {
    slots_.clear();
    if (!policy_.preallocate) release();
  }

  void info(int layer, kvern_info &info) const {
    const Room used{slots_.rows(), slots_.held()};
    info.tokens = slots_.tokens();
    info.capacity = policy_.capacity;
    info.max_new = policy_.capacity < 0 ? -1 : policy_.capacity - slots_.held();
    info.rollback = -1;
    info.rows = slots_.rows();
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (!parts_[i] || (layer >= 0 && layer != static_cast<int>(i))) continue;
      info.bytes_device += parts_[i]->bytes();
      if constexpr (requires { parts_[i]->bytes_used(used); }) {
        info.bytes_used += parts_[i]->bytes_used(used);
      } else {
        info.bytes_used = -1;
      }
    }
  }

  void gather(std::span<const int64_t> rows) requires GathersRows<L> {
    const auto count = static_cast<int64_t>(rows.size());
    make_room(count, slots_.held());
    each_part([&](L &part) { part.gather(rows, slots_.held(), scratch_); });
    slots_.gather(rows);
  }

  void append(const SlotCache &from) requires AppendsRows<L> {
    if (from.slots_.held() == 0) return;
    const Room used{slots_.rows(), slots_.held()}, theirs{from.slots_.rows(), from.slots_.held()};
    const int64_t size = std::max(used.slots, theirs.slots), by = size - used.slots;
    require_capacity(size, 0);
    Slots joined = slots_;
    joined.append(from.slots_);
    make_room(used.rows + theirs.rows, size);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (!parts_[i]) continue;
      if (by > 0 && used.rows > 0) parts_[i]->shift(used, by);
      parts_[i]->append(used.rows, size - theirs.slots, *from.parts_[i], theirs);
      for (int64_t row = 0; row < theirs.rows && theirs.slots < size; ++row) {
        parts_[i]->clear(used.rows + row, 0, size - theirs.slots);
      }
    }
    slots_ = std::move(joined);
  }

  void truncate(std::span<const int64_t> row_pos) { slots_.truncate(row_pos); }

  void save(Writer &out) const requires StreamsSlots<L> {
    slots_.save(out);
    for (int64_t at = 0; at < slots_.held(); at += stretch(slots_)) {
      const int64_t end = std::min(slots_.held(), at + stretch(slots_));
      for (const auto &part : parts_) {
        if (part) part->save(out, slots_.rows(), at, end);
      }
    }
  }

  /// Takes memory as the bytes arrive: a header that lies costs no more than twice what was sent.
  void load(Reader &in) requires StreamsSlots<L> {
    Slots loaded;
    loaded.load(in);
    if (policy_.capacity >= 0 && loaded.held() > policy_.capacity) {
      fail(KVERN_BAD_DATA, "the saved cache has ", loaded.held(), " slots, this one takes ",
           policy_.capacity);
    }
    slots_.clear();
    if (!policy_.preallocate || loaded.rows() > room_.rows) release();
    for (int64_t at = 0; at < loaded.held(); at += stretch(loaded)) {
      const int64_t end = std::min(loaded.held(), at + stretch(loaded));
      make_room(loaded.rows(), end, {loaded.rows(), at});
      each_part([&](L &part) { part.load(in, loaded.rows(), at, end); });
    }
    slots_ = std::move(loaded);
  }

 protected:
  /// A copy with room for what is held and no more, or all of the capacity where it is preallocated.
  SlotCache(const SlotCache &other) requires CopiesRows<L>
      : policy_(other.policy_), layers_(other.layers_), slots_(other.slots_) {
    const Room used{slots_.rows(), slots_.held()};
    for (const auto &part : other.parts_) {
      parts_.emplace_back();
      if (part) parts_.back().emplace(part->copy(used));
    }
    room_ = used;
    if (policy_.preallocate && used.rows > 0) {
      room_ = {};
      make_room(used.rows, used.slots);
    }
  }

  const Slots &slots() const { return slots_; }
  const Step &step() const { return *step_; }
  L &part(int layer) { return *parts_[layer]; }

  /// Gives back the memory of an empty cache.
  void release() {
    each_part([](L &part) { part.resize({}, {}); });
    room_ = {};
  }

  /// Forgets an open step together with everything else.
  void forget() {
    slots_.clear();
    release();
  }

 private:
  template <class Do>
  void each_part(Do &&call) {
    for (auto &part : parts_) {
      if (part) call(*part);
    }
  }

  void require_capacity(int64_t need, int64_t n_new) const {
    if (policy_.capacity < 0 || need <= policy_.capacity) return;
    fail(KVERN_OUT_OF_CAPACITY, "the cache holds ", need - n_new, " slots and ", n_new,
         " more are to come, but its capacity is ", policy_.capacity);
  }

  /// Slots of one stretch of a file: about a megabyte of it, whatever the number of rows.
  static int64_t stretch(const Slots &slots) {
    return std::max<int64_t>(1, 256 / std::max<int64_t>(1, slots.rows()));
  }

  void store(int layer, const DLTensor &k, const DLTensor *v) {
    const int64_t missing = missing_columns(*step_, layer, layers_[layer], k.shape[2]);
    const int64_t held = slots_.held();
    if constexpr (ClearsSlots<L>) {
      for (int64_t row = 0; row < step_->rows && missing > 0; ++row) {
        parts_[layer]->clear(row, held, held + missing);
      }
    } else if (missing > 0) {
      fail(KVERN_UNSUPPORTED, "this cache imports all tokens of a layer or none");
    }
    parts_[layer]->store(held + missing, k, v);
    if constexpr (ClearsSlots<L>) {
      for (int64_t row = 0; row < step_->rows && step_->ragged; ++row) {
        if (step_->row_new[row] < step_->n_new) {
          parts_[layer]->clear(row, held + step_->row_new[row], held + step_->n_new);
        }
      }
    }
  }

  void make_room(int64_t rows, int64_t slots) { make_room(rows, slots, {slots_.rows(), slots_.held()}); }

  /// Room for so many rows and slots in every layer, or a failure and what was before. Layer after layer, so
  /// that only one tensor is there twice at a time; where memory for growth is short, room for exactly what
  /// is needed.
  void make_room(int64_t rows, int64_t slots, const Room &used) {
    if (rows <= room_.rows && slots <= room_.slots) return;
    const bool empty = used.rows == 0 || used.slots == 0;
    const Room before = empty ? Room{} : room_;
    if (empty) release();
    const Room exact{std::max(rows, before.rows), std::max(slots, before.slots)};
    const Room wanted{exact.rows, slots > before.slots ? grown(exact.slots, before.slots) : exact.slots};
    Room reached = wanted;
    std::size_t i = 0;
    try {
      for (; i < parts_.size(); ++i) {
        if (parts_[i]) grow(*parts_[i], wanted, exact, used, reached);
      }
    } catch (...) {
      for (std::size_t j = 0; j <= i; ++j) shrink(parts_[j], before, used);
      throw;
    }
    room_ = reached;
  }

  static void grow(L &part, const Room &wanted, const Room &exact, const Room &used, Room &reached) {
    if (reached.slots == wanted.slots) {
      try {
        return part.resize(wanted, used);
      } catch (const Failure &failure) {
        if (failure.status() != KVERN_OUT_OF_MEMORY || wanted.slots == exact.slots) throw;
      }
    }
    reached = exact;
    part.resize(exact, used);
  }

  /// Back to the old size where the memory for it is there; the contents are the same either way.
  static void shrink(std::optional<L> &part, const Room &before, const Room &used) noexcept {
    try {
      if (part) part->resize(before, used);
    } catch (...) {
    }
  }

  /// Half as much again, in steps of 64 slots, but no more than is expected if that is enough.
  int64_t grown(int64_t need, int64_t before) const {
    if (policy_.preallocate) return policy_.capacity;
    if (policy_.exact) return need;
    int64_t slots = std::max(need + need / 8, before + before / 2);
    slots = (slots + 63) / 64 * 64;
    if (policy_.expected >= need) slots = std::min(slots, policy_.expected);
    if (policy_.capacity >= 0) slots = std::min(slots, policy_.capacity);
    return slots;
  }

  SlotPolicy policy_;
  Layers layers_;
  std::vector<std::optional<L>> parts_;
  Slots slots_;
  Room room_;  // every layer has at least this much
  const Step *step_ = nullptr;
  OutTensor out_k_, out_v_;
  std::vector<std::byte> scratch_;
};

KVERN_SDK_END
