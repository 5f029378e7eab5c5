// Proves composition by layer: each child gets all layers, those of others as NONE, and numbers stay the model's. A failure in
// one child leaves the others as they were. With a recurrent child it is Jamba's cache, with a cross child an encoder-decoder's.
#include <kvern/sdk/inner.hpp>
#include <kvern/sdk/plugin.hpp>

namespace {
using namespace kvern::sdk;

class TinyHybrid {
 public:
  static constexpr const char *name = "tiny_hybrid", *version = "0",
                              *summary = "another cache for each kind of layer";
  static std::vector<Option> options() {
    return {string_option("full", "dynamic"), string_option("window", "dynamic"),
            string_option("state", "tiny_state"), string_option("cross", "tiny_cross")};
  }

  explicit TinyHybrid(const Create &create) : owner_(create.layers.size(), -1) {
    for (const char *kind : {"full", "window", "state", "cross"}) {
      const auto mine = [&](int i) { return kind_of(create.layers[i]) == kind; };
      const PartialLayers layers(*create.raw, mine);
      bool any = false;
      for (int i = 0; i < std::ssize(owner_); ++i) {
        if (mine(i)) owner_[i] = static_cast<int>(children_.size()), any = true;
      }
      kvern_create child = *create.raw;
      child.layers = layers.data(), child.options = nullptr, child.n_options = 0;
      if (any)
        children_.emplace_back(create.host.table(), Inner::find(create.host, create.options.string(kind), {}),
                               child);
    }
  }
  TinyHybrid(const TinyHybrid &o, std::nullptr_t) : owner_(o.owner_) {
    for (const Inner &child : o.children_) children_.push_back(child.clone());
  }

  bool offers(Verb verb) const {
    const auto does = [verb](const Inner &child) { return child.offers(verb); };
    if (verb == Verb::attend || verb == Verb::state)
      return std::any_of(children_.begin(), children_.end(), does);
    return std::all_of(children_.begin(), children_.end(), does);
  }
  void begin(const Step &step) {
    all_or_none([&](Inner &child) { child.begin(step); }, [](Inner &child) { child.end(0); });
  }
  void view(int layer, kvern_view &view) { of(layer).view(layer, view); }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    of(layer).update(layer, k, v, out_k, out_v);
  }
  void attend(const kvern_attend &request) {
    if (!of(request.layer).offers(Verb::attend))
      fail(KVERN_UNSUPPORTED, "this layer's cache leaves attention to the host");
    of(request.layer).attend(request);
  }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) {
    of(layer).state(layer, slot, read, write);
  }
  void end(int64_t n) {
    each([n](Inner &child) { child.end(n); });
  }
  void end_rows(Rows keep) {
    each([keep](Inner &child) { child.end_rows(keep); });
  }
  void reset() {
    each([](Inner &child) { child.reset(); });
  }
  void truncate(Rows row_pos) {
    each([row_pos](Inner &child) { child.truncate(row_pos); });
  }
  void gather(Rows rows) {
    // the rows held come first, so that a child's growth can be undone by what cannot fail
    std::vector<int64_t> held(static_cast<std::size_t>(children_[0].info(-1).rows)), wide(held.size()), order;
    for (std::size_t i = 0; i < held.size(); ++i) held[i] = wide[i] = static_cast<int64_t>(i);
    if (rows.size() <= held.size()) return each([rows](Inner &child) { child.gather(rows); });
    wide.insert(wide.end(), rows.begin(), rows.end());
    for (std::size_t i = 0; i < rows.size(); ++i) order.push_back(static_cast<int64_t>(held.size() + i));
    all_or_none([&](Inner &child) { child.gather(wide); }, [&](Inner &child) { child.gather(held); });
    each([&](Inner &child) { child.gather(order); });
  }
  std::unique_ptr<TinyHybrid> clone() const { return std::make_unique<TinyHybrid>(*this, nullptr); }
  void info(int layer, kvern_info &info) const {
    const auto least = [](int64_t a, int64_t b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); };
    info.capacity = info.max_new = info.rollback = info.bytes_used = -1;
    for (const Inner &child : children_) {
      const kvern_info one = child.info(layer);
      info.tokens = std::max(info.tokens, one.tokens), info.rows = std::max(info.rows, one.rows);
      info.capacity = least(info.capacity, one.capacity), info.max_new = least(info.max_new, one.max_new);
      info.rollback = least(info.rollback, one.rollback), info.bytes_device += one.bytes_device;
    }
  }

 private:
  static std::string_view kind_of(const Layer &layer) {
    if (layer.kind == KVERN_LAYER_ATTENTION) return layer.window > 0 ? "window" : "full";
    return layer.kind == KVERN_LAYER_STATE ? "state" : layer.kind == KVERN_LAYER_CROSS ? "cross" : "none";
  }
  Inner &of(int layer) { return children_[owner_[layer]]; }
  template <class Do>
  void each(Do call) {
    for (Inner &child : children_) call(child);
  }
  template <class Do, class Undo>
  void all_or_none(Do call, Undo undo) {
    std::size_t done = 0;
    try {
      for (; done < children_.size(); ++done) call(children_[done]);
    } catch (...) {
      while (done-- > 0) undo(children_[done]);
      throw;
    }
  }

  std::vector<int> owner_;
  std::vector<Inner> children_;
};
}  // namespace
KVERN_PLUGIN(TinyHybrid)
