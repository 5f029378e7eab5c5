// Proves re-rotation through kvern.rope/1: keys are kept before rotation, the first tokens and the recent ones are seen at
// positions counted inside the window. A chunk whose queries would see a key at different places is left to smaller steps.
#include <kvern/abi/rope.h>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>

namespace {
using namespace kvern::sdk;

class TinySink : public SlotCache<DenseLayer> {
 public:
  static constexpr const char *name = "tiny_sink", *version = "0",
                              *summary = "sees first and recent tokens, in-window positions";
  static std::vector<Option> options() {
    return {integer_option("window_length", 9), integer_option("num_sink_tokens", 2)};
  }

  explicit TinySink(const Create &create)
      : SlotCache(create, {}),
        host_(create.host),
        type_(create.type),
        rope_(create.host.required_extension<kvern_rope_1>(KVERN_ROPE_1)),
        window_(create.options.integer("window_length", 2)),
        sinks_(create.options.integer("num_sink_tokens", 0, window_ - 1)) {
    for (const Layer &layer : create.layers)
      heads_ = std::max(heads_, layer.kv_heads), dim_ = std::max(dim_, layer.head_dim_k);
  }

  void begin(const Step &step) {
    Buffer turned(host_, -1, type_, {step.rows, heads_, slots().held() + step.n_new, dim_});
    SlotCache::begin(step);
    turned_ = std::move(turned);
  }
  void view(int, kvern_view &view) {
    const int64_t size = slots().size();
    key_pos_.clear(), q_pos_.clear();
    for (int64_t row = 0; row < step().rows; ++row) {
      const int64_t last = step().row_pos[row] + step().row_new[row] - 1;
      for (int64_t slot = 0; slot < size; ++slot)
        key_pos_.push_back(place(slots().position(row, slot), last));
      for (int64_t i = 0; i < step().n_new; ++i)
        q_pos_.push_back(step().row_pos[row] + i - dropped(step().row_pos[row] + i));
    }
    view.flags = KVERN_VIEW_RAW_K | KVERN_VIEW_RAW_Q;
    view.kv_len = view.row_stride = size;
    view.key_pos = key_pos_.data(), view.q_pos = q_pos_.data();
  }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    for (int64_t row = 0; row < step().rows && out_k; ++row) {
      if (step().row_new[row] > 1 && step().row_pos[row] + step().row_new[row] > window_)
        fail(KVERN_UNSUPPORTED, "one token at a time");
    }
    SlotCache::update(layer, k, v, out_k, out_v);
    if (!out_k) return;
    kvern_view now{};
    view(layer, now);
    std::vector<int64_t> turn;
    for (int64_t position : key_pos_) turn.push_back(std::max<int64_t>(0, position));
    DLTensor turned{turned_.fill({0, 0, step().rows}), host_.device(), 4, type_, out_k->shape, nullptr, 0};
    kvern_error error = empty_error();
    require(rope_.rotate(rope_.ctx, layer, out_k, turn.data(), now.kv_len, 0, nullptr, &turned, &error),
            error);
    const int64_t heads = out_k->shape[1], length = out_k->shape[2], dim = out_k->shape[3];
    holder_.hand_out(out_k, turned.data, host_.device(), type_, {step().rows, heads, length, dim},
                     {heads * length * dim, length * dim, dim});
  }
  void end(int64_t n) { SlotCache::end(n), turned_ = Buffer(); }
  void end_rows(Rows keep) { SlotCache::end_rows(keep), turned_ = Buffer(); }
  std::unique_ptr<TinySink> clone() const { return std::unique_ptr<TinySink>(new TinySink(*this)); }

 private:
  TinySink(const TinySink &o)
      : SlotCache(o),
        host_(o.host_),
        type_(o.type_),
        rope_(o.rope_),
        window_(o.window_),
        sinks_(o.sinks_),
        heads_(o.heads_),
        dim_(o.dim_) {}
  int64_t dropped(int64_t position) const { return std::max<int64_t>(0, position + 1 - window_); }
  int64_t place(int64_t key, int64_t query) const {
    if (key < 0 || key > query) return -1;
    return key < sinks_ ? key : key > query - (window_ - sinks_) ? key - dropped(query) : -1;
  }

  Host host_;
  DLDataType type_;
  const kvern_rope_1 &rope_;
  int64_t window_, sinks_;
  int32_t heads_ = 1, dim_ = 1;
  Buffer turned_;
  OutTensor holder_;
  std::vector<int64_t> key_pos_, q_pos_;
};
}  // namespace
KVERN_PLUGIN(TinySink)
