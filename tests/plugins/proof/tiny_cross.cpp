// Proves cross-attention: an encoder's keys come once, are read with update(NULL, NULL), and end(0) takes new ones back.
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/slot_cache.hpp>
#include <map>

namespace {
using namespace kvern::sdk;

class TinyCross {
 public:
  static constexpr const char *name = "tiny_cross", *version = "0", *summary = "keeps an encoder's keys";

  explicit TinyCross(const Create &create) {
    for (int i = 0; i < std::ssize(create.layers); ++i) {
      const LayerCreate layer{create, i, create.layers[i]};
      if (layer.layer.kind == KVERN_LAYER_CROSS)
        parts_.emplace(i, Pair{DenseLayer(layer), DenseLayer(layer)});
    }
  }

  void begin(const Step &step) {
    if (step.flags & KVERN_STEP_ROW_CROSS)
      fail(KVERN_UNSUPPORTED, "rows have encoder keys in equal number only");
    if (step.n_cross == 0 && room_.slots > 0 && room_.rows != step.rows)
      fail(KVERN_INVALID_ARGUMENT, "other rows than held");
    try {
      make_room({step.n_cross > 0 ? step.rows : 0, step.n_cross});
    } catch (...) {
      make_room({});
      throw;
    }
    first_.assign(static_cast<std::size_t>(step.rows), 0);
  }
  void view(int, kvern_view &view) {
    view.kv_len = coming_.slots > 0 ? coming_.slots : room_.slots;
    view.first_pos = first_.data();
  }
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    Pair &pair = parts_.at(layer);
    if (k) pair.coming.store(0, *k, v);
    const bool fresh = coming_.slots > 0;
    if (out_k) (fresh ? pair.coming : pair.held).read(fresh ? coming_ : room_, k_, out_k, v_, out_v);
  }
  void end(int64_t keep) {
    if (coming_.slots > 0 && keep > 0) {
      each([](Pair &pair) { std::swap(pair.held, pair.coming); });
      room_ = coming_;
    }
    make_room({});
  }
  void end_rows(Rows keep) { end(*std::max_element(keep.begin(), keep.end())); }
  void truncate(Rows) {}
  void reset() {
    room_ = {};
    each([](Pair &pair) { pair.held.resize({}, {}); });
  }
  void info(int layer, kvern_info &info) const {
    info.rows = room_.rows, info.capacity = info.max_new = info.rollback = info.bytes_used = -1;
    for (const auto &[number, pair] : parts_)
      if (layer < 0 || layer == number) info.bytes_device += pair.held.bytes() + pair.coming.bytes();
  }

 private:
  struct Pair {
    DenseLayer held, coming;
  };
  template <class Do>
  void each(Do call) {
    for (auto &[number, pair] : parts_) call(pair);
  }
  void make_room(const Room &coming) {
    coming_ = coming;
    each([&](Pair &pair) { pair.coming.resize(coming, {}); });
  }

  std::map<int, Pair> parts_;  // by layer
  Room room_, coming_;
  std::vector<int64_t> first_;
  OutTensor k_, v_;
};
}  // namespace
KVERN_PLUGIN(TinyCross)
