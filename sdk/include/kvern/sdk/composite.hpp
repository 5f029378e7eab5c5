// Caches that divide the layers of a model among them. Each child gets all layers, those of others as NONE, so that numbers
// stay the model's.
#pragma once
#include <algorithm>
#include <kvern/sdk/growth.hpp>
#include <kvern/sdk/inner.hpp>
#include <kvern/sdk/window_table.hpp>

KVERN_SDK_BEGIN

/// The base of a composite: its constructor calls add() for each child. What all children offer is offered; attend and state
/// where one does, since they name a layer. A failure in one child leaves the others as they were. Where one child keeps nothing
/// of a step (the plugin `none`), nothing is kept: each step gets all tokens. A copy holds clones; clone() is
/// `return std::unique_ptr<Mine>(new Mine(*this));`.
class Composite {
 public:
  static constexpr bool attends_other_queries = true;  // a child decides
  static constexpr bool runs_on_device = true;         // so does it

  explicit Composite(const Create &create)
      : device_(create.host.device()), owner_(create.layers.size(), -1) {}

  bool offers(Verb verb) const {
    const auto does = [verb](const Inner &child) { return child.offers(verb); };
    if (verb == Verb::attend || verb == Verb::state)
      return std::any_of(children_.begin(), children_.end(), does);
    // rows that were joined are taken off again by gather
    if (verb == Verb::append && children_.size() > 1 && !offers(Verb::gather)) return false;
    return std::all_of(children_.begin(), children_.end(), does);
  }
  void begin(const Step &step) {
    reserve_all(
        children_, [&](Inner &child, std::size_t i) { child.begin(raw_for(step, places_[i])); },
        [](Inner &child, std::size_t) { child.end(0); });
    step_ = &step;
  }
  void view(int layer, kvern_view &view) { of(layer).view(layer, view); }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    of(layer).update(layer, k, v, out_k, out_v);
  }
  void attend(const kvern_attend &request) {
    Inner &child = of(request.layer);
    if (!child.offers(Verb::attend))
      fail(KVERN_UNSUPPORTED, "this layer's cache leaves attention to the host");
    child.attend(request);
  }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) {
    of(layer).state(layer, slot, read, write);
  }
  void end(int64_t n_keep) {
    each([n_keep](Inner &child) { child.end(n_keep); });
    forget_unless_kept([n_keep](std::size_t) { return n_keep; });
  }
  void end_rows(Rows row_keep) {
    each([row_keep](Inner &child) { child.end_rows(row_keep); });
    forget_unless_kept([row_keep](std::size_t row) { return row_keep[row]; });
  }
  void reset() {
    each([](Inner &child) { child.reset(); });
  }
  void truncate(Rows row_pos) {
    // The child that can take back fewest comes first: what it can, the others can.
    std::vector<std::pair<uint64_t, Inner *>> order;
    for (Inner &child : children_)
      order.emplace_back(static_cast<uint64_t>(child.info(-1).rollback), &child);  // -1, all, is the largest
    std::stable_sort(order.begin(), order.end(), [](auto &a, auto &b) { return a.first < b.first; });
    for (auto &[rollback, child] : order) child->truncate(row_pos);
  }
  void gather(Rows rows) {
    // The rows held come first, so that a child's growth can be undone by what cannot fail.
    const std::vector<int64_t> held = rows_held();
    std::vector<int64_t> wide = held, order;
    if (forgets_) return;
    if (rows.size() <= held.size()) return each([rows](Inner &child) { child.gather(rows); });
    wide.insert(wide.end(), rows.begin(), rows.end());
    for (std::size_t i = 0; i < rows.size(); ++i) order.push_back(static_cast<int64_t>(held.size() + i));
    reserve_all(
        children_, [&](Inner &child, std::size_t) { child.gather(wide); },
        [&](Inner &child, std::size_t) { child.gather(held); });
    each([&](Inner &child) { child.gather(order); });
  }
  void append(const Composite &from) {
    const std::vector<int64_t> held = rows_held();
    if (children_.size() != from.children_.size() || owner_ != from.owner_)
      fail(KVERN_INVALID_ARGUMENT, "append of a cache that divides the layers in another way");
    if (forgets_) return;
    reserve_all(
        children_, [&](Inner &child, std::size_t i) { child.append(from.children_[i]); },
        [&](Inner &child, std::size_t) { held.empty() ? child.reset() : child.gather(held); });
  }
  void save(Writer &out) const {
    for (const int child : owner_) out.number(int64_t{child});
    for (const Inner &child : children_) child.save(out);
  }
  void load(Reader &in) {
    for (const int child : owner_) in.expect("the cache of a layer", child);
    each([&](Inner &child) { child.load(in); });
    for (std::size_t i = 0; i < children_.size(); ++i)
      forgets_ = forgets_ || (holds_keys_[i] && takes_any_row(children_[i]));
  }
  /// Tokens and rows of the child that holds most, the tightest limits, the bytes of all.
  void info(int layer, kvern_info &info) const {
    info.capacity = info.max_new = info.rollback = -1;
    for (std::size_t i = 0; i < children_.size(); ++i) {
      kvern_info one = children_[i].info(layer);
      if (!is_here(places_[i])) one.bytes_host += std::exchange(one.bytes_device, 0);
      const bool known = one.bytes_used >= 0 && info.bytes_used >= 0;
      info.tokens = std::max(info.tokens, one.tokens);
      info.rows = std::max(info.rows, one.rows);
      info.capacity = min(info.capacity, one.capacity);
      info.max_new = min(info.max_new, one.max_new);
      info.rollback = min(info.rollback, one.rollback);
      info.bytes_device += one.bytes_device;
      info.bytes_host += one.bytes_host;
      info.bytes_used = known ? info.bytes_used + one.bytes_used : -1;
    }
  }
  /// Whether each step gets all tokens; known after the first one.
  bool forgets() const { return forgets_; }
  const kvern_cache *part(int layer) const {
    return owner_[layer] < 0 ? nullptr : children_[owner_[layer]].raw();
  }
  /// "kvern.window/1" where a child offers it.
  const void *extension(const char *id) const {
    const auto narrows = [](const Inner &child) { return child.extension(KVERN_WINDOW_1) != nullptr; };
    const bool any = std::any_of(children_.begin(), children_.end(), narrows);
    return any && std::string_view(id) == KVERN_WINDOW_1 ? &window_ : nullptr;
  }
  int64_t window(int layer) const { return owner_[layer] < 0 ? 0 : of(layer).window(layer); }

 protected:
  Composite(const Composite &other)
      : device_(other.device_),
        places_(other.places_),
        owner_(other.owner_),
        holds_keys_(other.holds_keys_),
        keeps_(other.keeps_),
        forgets_(other.forgets_) {
    for (const Inner &child : other.children_) children_.push_back(child.clone());
  }

  /// Adds the plugin called `name` for the layers for which mine(number) is true; none is made where there is no such layer.
  template <class Mine>
  void add(const Create &create, std::string_view name, OptionItems options, Mine mine) {
    add(create, name, options, mine, create.host.device());
  }
  /// On another device than the composite: keys and values of these layers are given, and exported, there.
  template <class Mine>
  void add(const Create &create, std::string_view name, OptionItems options, Mine mine, DLDevice place) {
    const int number = static_cast<int>(children_.size());
    bool any = false, keys = false;
    for (int i = 0; i < static_cast<int>(owner_.size()); ++i) {
      if (!mine(i)) continue;
      owner_[i] = number, any = true;
      keys = keys || create.layers[i].kind == KVERN_LAYER_ATTENTION;
    }
    if (!any) return;
    holds_keys_.push_back(keys);
    places_.push_back(place);
    const PartialLayers layers(*create.raw, mine);
    kvern_create child = *create.raw;
    child.layers = layers.data();
    child.options = options.data();
    child.n_options = static_cast<uint32_t>(options.size());
    child.device = place;
    if (place.device_type == kDLCPU) child.stream = nullptr;
    children_.emplace_back(create.host.table(), Inner::find(create.host, name, options), child);
  }

  Inner &of(int layer) { return children_[owner_[layer]]; }
  const Inner &of(int layer) const { return children_[owner_[layer]]; }

 private:
  static int64_t min(int64_t a, int64_t b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); }

  template <class Do>
  void each(Do call) {
    for (Inner &child : children_) call(child);
  }

  std::vector<int64_t> rows_held() const {
    std::vector<int64_t> rows;
    const int64_t n = children_.empty() ? 0 : children_[0].info(-1).rows;
    for (int64_t i = 0; i < n; ++i) rows.push_back(i);
    return rows;
  }

  /// Forgets all where a child with keys holds none of the positions of the step that has just ended. `kept` is a row's number
  /// of new tokens.
  template <class Kept>
  void forget_unless_kept(Kept kept) {
    if (keeps_) return;
    bool any = false;
    for (int64_t row = 0; row < step_->rows; ++row) {
      const int64_t n = std::min(kept(static_cast<std::size_t>(row)), step_->row_new[row]);
      any = any || (n > 0 && step_->row_pos[row] + n > 0);
    }
    if (!any) return;
    for (std::size_t i = 0; i < children_.size(); ++i)
      forgets_ = forgets_ || (holds_keys_[i] && children_[i].info(-1).tokens == 0);
    keeps_ = !forgets_;
    if (forgets_) reset();
  }

  /// Of an empty cache that is one which keeps nothing.
  static bool takes_any_row(Inner &child) {
    if (!child.offers(Verb::gather) || child.info(-1).rows > 0) return false;
    try {
      const int64_t row = 0;
      child.gather(Rows(&row, 1));
      return true;
    } catch (const Failure &) {
      return false;
    }
  }

  bool is_here(DLDevice place) const {
    return place.device_type == device_.device_type && place.device_id == device_.device_id;
  }
  /// What a child on the CPU does is done at once, whatever the stream.
  static kvern_step raw_for(const Step &step, DLDevice place) {
    kvern_step raw = step.raw();
    if (place.device_type == kDLCPU) raw.stream = nullptr;
    return raw;
  }

  DLDevice device_;
  std::vector<DLDevice> places_;  // [children]
  std::vector<int> owner_;        // [layers] which child; -1: none
  std::vector<char> holds_keys_;  // [children] keys of the tokens themselves
  bool keeps_ = false,
       forgets_ = false;        // it was seen that all children keep what they get, or that one does not
  const Step *step_ = nullptr;  // the open one
  std::vector<Inner> children_;
  kvern_cache_window_1 window_ = window_table(this);
};

KVERN_SDK_END
