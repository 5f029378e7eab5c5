// Attention sinks (StreamingLLM, Xiao et al. 2023): the first tokens of a row and the most recent ones, at positions counted inside
// the window; with positions = "absolute" as transformers 4.47's SinkCache has them.
#include <kvern/abi/positions.h>
#include <kvern/sdk/host_attention.hpp>
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>

#include "plugins/sink/absolute.hpp"
#include "plugins/sink/places.hpp"
#include "plugins/sink/rotation.hpp"
#include "plugins/sink/settings.hpp"

namespace kvern::sink {
namespace {

class Sink : public sdk::KeyCache<sdk::Dense, sdk::Sinks> {
 public:
  static constexpr const char *name = "sink", *version = "1.0.0",
                              *summary =
                                  "keeps the first tokens and the most recent ones, in a text without end";
  static constexpr bool runs_on_device = true;
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit Sink(const sdk::Create &create) : Sink(create, read_settings(create)) {}

  /// attend exists for positions inside the window.
  bool offers(sdk::Verb verb) const { return verb != sdk::Verb::attend || !settings_.absolute; }

  void begin(const sdk::Step &step) {
    if (settings_.absolute && step.tentative() && is_past(step))
      sdk::fail(KVERN_UNSUPPORTED, "tentative steps beyond the window: keys that are rotated stay so");
    sdk::Scratch keys, queries;
    const bool exports = settings_.absolute || exported_ || step.n_new == 0, past = is_past(step);
    if (exports && past) keys = exported_keys(step);
    if (attention_ && past && step.n_new > 0) {
      queries = sdk::Scratch(host_, -1, kSingle, {step.rows, max_query_, step.n_new});
      attention_->begin(step);
    }
    try {
      KeyCache::begin(step);
    } catch (...) {
      if (attention_) attention_->end();
      throw;
    }
    keys_ = std::move(keys);
    queries_ = std::move(queries);
    exported_ = planned_ = false;
  }

  void view(int layer, kvern_view &view) {
    plan();
    if (!past_) return KeyCache::view(layer, view);
    view.kv_len = view.row_stride = slots().size();
    view.key_pos = key_pos_.data();
    view.q_pos = q_pos_.empty() ? nullptr : q_pos_.data();
    if (settings_.absolute) mask_columns(layer, view);
  }

  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    plan();
    if (out_k && past_ && !settings_.absolute && !is_single())
      sdk::fail(KVERN_UNSUPPORTED,
                "one token at a time: queries of one step see the sinks at different positions");
    KeyCache::update(layer, k, v, out_k, out_v);
    if (!out_k || !past_) return;
    exported_ = true;
    const bool blind = settings_.absolute && sees_no_column(layer);
    if (!rotation_.exists(layer) && !blind) return;
    if (!keys_) keys_ = exported_keys(step());
    const DLTensor stored = *out_k;
    std::byte *data = keys_.fill({0, 0, step().rows});
    desc_.export_to(out_k, data, host_.device(), type_,
                    {stored.shape[0], stored.shape[1], stored.shape[2], stored.shape[3]});
    if (blind) return clear(*out_k);
    rotation_.rotate(layer, stored, key_by_.data(), out_k);
  }

  void attend(const kvern_attend &request) {
    plan();
    if (!past_ || request.bias) sdk::fail(KVERN_UNSUPPORTED, "the host attends to what update exports");
    if (request.k) store(request.layer, *request.k, request.v);
    attend_to_groups(request);
  }

  void end(int64_t n_keep) {
    commit([n_keep](int64_t) { return n_keep; });
    after_first_ = slots().held() == 0;
    KeyCache::end(n_keep);
    free_step();
  }
  void end_rows(sdk::Rows keep) {
    commit([keep](int64_t row) { return keep[row]; });
    after_first_ = slots().held() == 0;
    KeyCache::end_rows(keep);
    free_step();
  }

  void truncate(sdk::Rows row_pos) {
    for (int64_t row = 0; row < slots().rows() && settings_.absolute; ++row) {
      if (row_pos[row] >= slots().next(row) || slots().next(row) < settings_.window_length) continue;
      sdk::fail(KVERN_UNSUPPORTED, "truncate: row ", row,
                " is beyond the window, its keys have been rotated");
    }
    KeyCache::truncate(row_pos);
  }

  void info(int layer, kvern_info &info) const {
    KeyCache::info(layer, info);
    for (int64_t row = 0; row < slots().rows() && settings_.absolute; ++row)
      if (slots().next(row) >= settings_.window_length) info.rollback = 0;
  }

  const void *extension(const char *id) const {
    return span_.span > 0 && std::string_view(id) == KVERN_POSITIONS_1 ? &span_ : nullptr;
  }

  void save(sdk::Writer &out) const {
    out.number(settings_.window_length);
    out.number(settings_.num_sink_tokens);
    out.number(int64_t{settings_.absolute});
    out.number(int64_t{after_first_});
    KeyCache::save(out);
  }
  void load(sdk::Reader &in) {
    in.expect("window_length", settings_.window_length);
    in.expect("num_sink_tokens", settings_.num_sink_tokens);
    in.expect("absolute positions", settings_.absolute);
    after_first_ = in.integer("one step only", 0, 1) != 0;
    KeyCache::load(in);
  }

  std::unique_ptr<Sink> clone() const { return std::unique_ptr<Sink>(new Sink(*this)); }

 private:
  static constexpr DLDataType kSingle{kDLFloat, 32, 1};

  Sink(const sdk::Create &create, const Settings &settings)
      : KeyCache(create, {.expected_slots = create.max_tokens}, settings.retention()),
        host_(create.host),
        type_(create.type),
        key_shape_(sdk::max_key_shape(create.layers)),
        settings_(settings),
        span_{sizeof span_, 0, settings.counts_inside ? settings.window_length : 0},
        places_(settings),
        rotation_(create),
        mover_(create.host) {
    if (!settings.absolute) attention_.emplace(create);
    for (std::size_t i = 0; i < create.layers.size(); ++i) {
      const sdk::Layer &layer = create.layers[i];
      max_query_ = std::max<int64_t>(max_query_, layer.q_heads * key_shape_.dim);
    }
  }
  Sink(const Sink &) = default;

  int64_t last_query(const sdk::Step &step, int64_t row) const {
    return step.row_pos[row] + step.row_new[row] - 1;
  }

  /// Whether some query sees keys elsewhere than where they are stored.
  bool is_past(const sdk::Step &step) const {
    const int64_t window = settings_.window_length;
    for (int64_t row = 0; row < step.rows; ++row) {
      if (settings_.absolute ? shifts(step, slots().held(), row, step.row_new[row], window)
                             : last_query(step, row) >= window)
        return true;
    }
    return false;
  }

  bool is_single() const {
    for (int64_t row = 0; row < step().rows; ++row) {
      if (step().row_new[row] > 1 && last_query(step(), row) >= settings_.window_length) return false;
    }
    return true;
  }

  sdk::Scratch exported_keys(const sdk::Step &step) const {
    return sdk::Scratch(host_, -1, type_,
                        {step.rows, key_shape_.heads, slots().held() + step.n_new, key_shape_.dim});
  }

  /// Positions of the open step, once.
  void plan() {
    if (planned_) return;
    past_ = is_past(step());
    key_pos_.clear(), key_by_.clear(), q_pos_.clear(), groups_.clear();
    planned_ = true;
    if (!past_) return;
    if (settings_.absolute) return plan_absolute();
    groups_ = groups_of(places_, slots(), step());
    for (int64_t row = 0; row < step().rows; ++row) {
      for (int64_t slot = 0; slot < slots().size(); ++slot) plan_key(row, slots().position(row, slot));
      for (int64_t i = 0; i < step().n_new; ++i) q_pos_.push_back(places_.stored(step().row_pos[row] + i));
    }
  }

  void plan_key(int64_t row, int64_t key) {
    const int64_t last = last_query(step(), row), seen = key < 0 ? -1 : places_.seen(key, last);
    key_pos_.push_back(seen);
    key_by_.push_back(seen < 0 ? 0 : seen - places_.stored(key));
  }

  void plan_absolute() {
    AbsolutePlan plan = plan_absolute_positions(settings_, slots(), step());
    key_pos_ = std::move(plan.columns);
    key_by_ = std::move(plan.key_by);
  }

  /// transformers applies a layer's window to columns of the cache against positions of the text, if the cache held a window's
  /// length with the new tokens.
  bool masks_columns(int layer) const {
    const int64_t window = this->layer(layer).window, held = step().row_pos[0];
    return window > 0 &&
           (after_first_ ? held : std::min(held, settings_.window_length)) + step().n_new >= window;
  }
  bool sees_no_column(int layer) const {
    if (!masks_columns(layer)) return false;
    for (int64_t row = 0; row < step().rows; ++row) {
      const int64_t *columns = key_pos_.data() + row * slots().size();
      const int64_t last = *std::max_element(columns, columns + slots().size());
      if (last > last_query(step(), row) - this->layer(layer).window) return false;
    }
    return true;
  }
  /// Where the window hides no column, or every one, of which its softmax over equal minimum values sees all alike (keys of 0):
  /// all at the query's position.
  void mask_columns(int layer, kvern_view &view) {
    if (this->layer(layer).window == 0 || (masks_columns(layer) && !sees_no_column(layer))) return;
    seen_pos_.clear();
    for (int64_t row = 0; row < step().rows; ++row) {
      for (int64_t slot = 0; slot < slots().size(); ++slot)
        seen_pos_.push_back(key_pos_[row * slots().size() + slot] < 0 ? -1 : last_query(step(), row));
    }
    view.key_pos = seen_pos_.data();
  }
  void clear(DLTensor &keys) const {
    if (mover_.on_device()) return mover_.zero(&keys);
    const int64_t elements = keys.shape[0] * keys.shape[1] * keys.shape[2] * keys.shape[3];
    std::memset(keys.data, 0, static_cast<std::size_t>(elements * sdk::element_bytes(keys.dtype)));
  }

  void free_step() {
    keys_ = sdk::Scratch();
    queries_ = sdk::Scratch();
    if (attention_) attention_->end();
  }

  /// transformers rotates what is stored at each update; here when the step ends.
  template <class Keep>
  void commit(Keep keep) {
    if (!settings_.absolute) return;
    const std::vector<int64_t> by = committed_rotation(settings_, slots(), step(), keep);
    if (std::all_of(by.begin(), by.end(), [](int64_t by) { return by == 0; })) return;
    visit_layers([&](int number) {
      if (!rotation_.exists(number)) return;
      storage().layer(number).change_keys({slots().rows(), slots().size()}, [&](DLTensor &keys) {
        rotation_.rotate(number, keys, by.data(), &keys);
      });
    });
  }

  void attend_to_groups(const kvern_attend &request) {
    DLTensor k, v;
    read(request.layer, &k, &v);
    auto with_lse = attention_->with_lse(request);
    bool merge = false;
    for (const KeyGroup &group : groups_) {
      run(with_lse.call, group, k, v, merge);
      merge = true;
      with_lse.call.sinks = nullptr;
    }
  }

  /// The host's attention over one group, its queries rotated to where they see it.
  void run(kvern_attend call, const KeyGroup &group, const DLTensor &k, const DLTensor &v, bool merge) {
    const sdk::TensorSlice::Range rows{0, step().rows}, slots{group.begin, group.end - group.begin};
    const sdk::TensorSlice keys(k, rows, slots), values(v, rows, slots);
    const DLTensor &q = *call.q;
    sdk::OutTensor desc;
    DLTensor rotated;
    if (group.rotates && rotation_.exists(call.layer)) {
      desc.export_to(&rotated, queries_.fill({0, 0, step().rows}), host_.device(), kSingle,
                     {q.shape[0], q.shape[1], q.shape[2], q.shape[3]});
      rotation_.rotate(call.layer, q, group.query_by.data(), &rotated);
      call.q = &rotated;
    }
    call.window = group.sinks ? 0 : static_cast<int32_t>(places_.recent());
    attention_->run(
        call,
        {&keys.tensor(), &values.tensor(), nullptr, group.key_pos.data(), slots.count, 0, 0, step().rows},
        merge);
  }

  template <class Visit>
  void visit_layers(Visit visit) const {
    for (int i = 0; i < n_layers(); ++i) {
      if (layer(i).kind == KVERN_LAYER_ATTENTION) visit(i);
    }
  }

  sdk::Host host_;
  DLDataType type_;
  sdk::MaxLayerShape key_shape_;
  Settings settings_;
  kvern_cache_positions_1 span_;
  WindowPlaces places_;
  Rotation rotation_;
  std::optional<sdk::HostAttention> attention_;  // with positions inside the window
  sdk::Mover mover_;
  int64_t max_query_ = 1;  // elements of all heads' queries of a token

  bool after_first_ = false;  // the last step was the first: transformers' length is all of it
  bool exported_ = false;     // the last step exported rotated keys
  sdk::Scratch keys_;         // of one layer, rotated
  sdk::Scratch queries_;      // of one layer, rotated to where they see a group
  sdk::OutTensor desc_;
  bool planned_ = false, past_ = false;  // of the open step, as what follows
  std::vector<int64_t> key_pos_, key_by_, q_pos_, seen_pos_;
  std::vector<KeyGroup> groups_;
};

}  // namespace
}  // namespace kvern::sink

KVERN_PLUGIN(kvern::sink::Sink)
