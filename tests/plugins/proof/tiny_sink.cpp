// Proves re-rotation through kvern.rope/1: keys are kept before rotation, the first tokens and the recent ones are seen at
// positions counted inside the window. A chunk whose queries would see a key at different places is left to smaller steps.
#include <kvern/abi/rope.h>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>

namespace {
using namespace kvern::sdk;

class TinySink : public SlotCache<DenseLayer> {
 public:
  static constexpr const char *name = "tiny_sink", *version = "0", *summary = "sees first and recent tokens";
  static std::vector<Option> options() {
    return {integer_option("window_length", 9), integer_option("num_sink_tokens", 2)};
  }

  explicit TinySink(const Create &create)
      : SlotCache(create, {}),
        create_(create),
        rope_(create.host.required_extension<kvern_rope_1>(KVERN_ROPE_1)),
        window_(create.options.integer("window_length", 2)),
        sinks_(create.options.integer("num_sink_tokens", 0, window_ - 1)) {}

  void begin(const Step &step) {
    const auto [heads, dim] = max_key_shape(create_.layers);
    Scratch turned(create_.host, -1, create_.type, {step.rows, heads, slots().held() + step.n_new, dim});
    SlotCache::begin(step);
    turned_ = std::move(turned);
  }
  void view(int, kvern_view &view) {
    const int64_t size = slots().size();
    key_pos_.clear(), q_pos_.clear();
    for (int64_t row = 0; row < step().rows; ++row) {
      const int64_t first = step().row_pos[row], last = first + step().row_new[row] - 1;
      for (int64_t slot = 0; slot < size; ++slot)
        key_pos_.push_back(place(slots().position(row, slot), last));
      for (int64_t i = 0; i < step().n_new; ++i) q_pos_.push_back(first + i - dropped(first + i));
    }
    view.flags = KVERN_VIEW_RAW_K | KVERN_VIEW_RAW_Q;
    view.kv_len = view.row_stride = size;
    view.key_pos = key_pos_.data(), view.q_pos = q_pos_.data();
  }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    for (int64_t row = 0; row < step().rows && out_k; ++row)
      if (step().row_new[row] > 1 && step().row_pos[row] + step().row_new[row] > window_)
        fail(KVERN_UNSUPPORTED, "one token at a time");
    SlotCache::update(layer, k, v, out_k, out_v);
    if (!out_k) return;
    kvern_view now{};
    view(layer, now);
    std::vector<int64_t> turn;
    for (int64_t position : key_pos_) turn.push_back(std::max<int64_t>(0, position));
    const DLTensor raw = *out_k;
    holder_.hand_out(out_k, turned_.fill({0, 0, step().rows}), create_.host.device(), create_.type,
                     {raw.shape[0], raw.shape[1], raw.shape[2], raw.shape[3]});
    kvern_error error = empty_error();
    require(rope_.rotate(rope_.ctx, layer, &raw, turn.data(), now.kv_len, 0, nullptr, out_k, &error), error);
  }
  void end(int64_t n) { SlotCache::end(n), turned_ = Scratch(); }
  void end_rows(Rows keep) { SlotCache::end_rows(keep), turned_ = Scratch(); }
  std::unique_ptr<TinySink> clone() const { return std::unique_ptr<TinySink>(new TinySink(*this)); }

 private:
  TinySink(const TinySink &) = default;

  int64_t dropped(int64_t position) const { return std::max<int64_t>(0, position + 1 - window_); }
  int64_t place(int64_t key, int64_t query) const {
    if (key < 0 || key > query) return -1;
    return key < sinks_ ? key : key > query - (window_ - sinks_) ? key - dropped(query) : -1;
  }

  Create create_;
  const kvern_rope_1 &rope_;
  int64_t window_, sinks_;
  Scratch turned_;  // the keys of one layer, turned to their places
  OutTensor holder_;
  std::vector<int64_t> key_pos_, q_pos_;
};
}  // namespace
KVERN_PLUGIN(TinySink)
