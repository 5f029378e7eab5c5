// Recurrent states (Mamba, Gu and Dao 2023; Mamba-2; gated delta rule): one state a row, whatever the length of the text.
// Layers with keys beside them are held by another cache.
#include <algorithm>
#include <kvern/sdk/inner.hpp>
#include <kvern/sdk/plugin.hpp>

#include "plugins/mamba/states.hpp"

namespace kvern::mamba {
namespace {

class Mamba {
 public:
  static constexpr const char *name = "mamba", *version = "1.0.0",
                              *summary = "keeps recurrent states; layers with keys are another cache's";
  static constexpr bool runs_on_device = true;
  static std::vector<sdk::Option> options() {
    return {sdk::string_option("attention", "dynamic"), sdk::table_option("attention_config")};
  }

  explicit Mamba(const sdk::Create &create) : states_(create.host, create.layers) {
    const auto holds_keys = [](const sdk::Layer &layer) { return layer.holds_keys(); };
    const bool keys = std::any_of(create.layers.begin(), create.layers.end(), holds_keys);
    const bool written =
        create.options.is_written("attention") || create.options.is_written("attention_config");
    if (keys || written) open_keys(create, keys);
  }

  /// What the cache of the layers with keys lacks is not offered.
  bool offers(sdk::Verb verb) const {
    if (verb == sdk::Verb::state) return states_.any();
    if (verb == sdk::Verb::attend) return !keys_.empty() && keys_[0].offers(verb);
    if (verb == sdk::Verb::truncate && states_.any()) return true;
    return keys_.empty() || keys_[0].offers(verb);
  }

  void begin(const sdk::Step &step) {
    states_.reserve_step(step);
    undone_if_it_throws([&](sdk::Inner &keys) { keys.begin(step); });
    states_.commit_step(step);
  }
  void view(int layer, kvern_view &view) { keys_[0].view(layer, view); }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    keys_[0].update(layer, k, v, out_k, out_v);
  }
  void attend(const kvern_attend &request) { keys_[0].attend(request); }
  void state(int layer, int slot, DLTensor *read, DLTensor *write) {
    states_.export_to(layer, slot, read, write);
  }
  void end(int64_t n_keep) {
    each([&](sdk::Inner &keys) { keys.end(n_keep); });
    states_.end([n_keep](int64_t) { return n_keep; });
    follow_keys();
  }
  void end_rows(sdk::Rows row_keep) {
    each([&](sdk::Inner &keys) { keys.end_rows(row_keep); });
    states_.end([row_keep](int64_t row) { return row_keep[static_cast<std::size_t>(row)]; });
    follow_keys();
  }

  void reset() {
    states_.reset();
    each([](sdk::Inner &keys) { keys.reset(); });
  }
  void gather(sdk::Rows rows) {
    states_.reserve_rows(static_cast<int64_t>(rows.size()));
    undone_if_it_throws([&](sdk::Inner &keys) { keys.gather(rows); });
    states_.gather(rows);
  }
  void append(const Mamba &from) {
    states_.reserve_rows(states_.rows() + from.states_.rows());
    undone_if_it_throws([&](sdk::Inner &keys) { keys.append(from.keys_[0]); });
    states_.append(from.states_);
  }
  /// A state has no way back to an earlier token.
  void truncate(sdk::Rows row_pos) {
    if (!states_.any()) return each([&](sdk::Inner &keys) { keys.truncate(row_pos); });
    for (std::size_t row = 0; row < row_pos.size(); ++row) {
      const int64_t held = states_.position(row);
      if (row_pos[row] < held)
        sdk::fail(KVERN_UNSUPPORTED, "row ", row, " holds ", held, " tokens and cannot go back to ",
                  row_pos[row],
                  ": recurrent states keep no earlier tokens; feed the text again, or keep a part of a "
                  "tentative step");
    }
  }
  std::unique_ptr<Mamba> clone() const { return std::unique_ptr<Mamba>(new Mamba(*this)); }

  void save(sdk::Writer &out) const {
    states_.save(out);
    for (const sdk::Inner &keys : keys_) keys.save(out);
  }
  void load(sdk::Reader &in) {
    states_.load(in);
    each([&](sdk::Inner &keys) { keys.load(in); });
  }

  /// Positions and windows are those of the cache with keys.
  const void *extension(const char *id) const {
    const std::string_view asked(id);
    const bool known = asked == KVERN_POSITIONS_1 || asked == KVERN_WINDOW_1;
    return known && !keys_.empty() ? keys_[0].extension(id) : nullptr;
  }

  void info(int layer, kvern_info &info) const {
    info.capacity = info.max_new = info.rollback = -1;
    for (const sdk::Inner &keys : keys_) info = keys.info(layer);
    if (!states_.any()) return;
    info.tokens = states_.tokens();
    info.rows = states_.rows();
    info.rollback = 0;
    states_.add_bytes(layer, info);
  }

 private:
  Mamba(const Mamba &other) : states_(other.states_) {
    for (const sdk::Inner &keys : other.keys_) keys_.push_back(keys.clone());
  }

  /// The cache of the layers with keys; only checked where there are none.
  void open_keys(const sdk::Create &create, bool needed) {
    const sdk::OptionItems options = create.options.table("attention_config");
    const kvern_plugin &plugin = sdk::Inner::find(create.host, create.options.string("attention"), options);
    if (!needed) return;
    const sdk::PartialLayers layers(*create.raw,
                                    [&](int i) { return create.layers[i].kind != KVERN_LAYER_STATE; });
    kvern_create child = *create.raw;
    child.layers = layers.data();
    child.options = options.data();
    child.n_options = static_cast<uint32_t>(options.size());
    keys_.emplace_back(create.host.table(), plugin, child);
  }

  /// A cache that keeps no keys wants the whole text again: so the states begin anew, too.
  void follow_keys() {
    if (!keys_.empty() && keys_[0].info(-1).rows == 0) states_.reset();
  }

  template <class Do>
  void each(Do call) {
    for (sdk::Inner &keys : keys_) call(keys);
  }
  /// What the states have reserved is given back if the other cache fails.
  template <class Do>
  void undone_if_it_throws(Do call) {
    try {
      each(call);
    } catch (...) {
      states_.drop_reserved();
      throw;
    }
  }

  States states_;
  std::vector<sdk::Inner> keys_;  // one, or none where no layer has keys
};

}  // namespace
}  // namespace kvern::mamba

KVERN_PLUGIN(kvern::mamba::Mamba)
