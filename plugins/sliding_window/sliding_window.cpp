// Sliding window attention (Beltagy et al. 2020): keys and values that no later query sees are dropped and their memory is used
// again.
#include <kvern/sdk/host_attention.hpp>
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/plugin.hpp>
#include <kvern/sdk/retention/window.hpp>

#include "plugins/sliding_window/settings.hpp"

namespace kvern::sliding_window {
namespace {

class SlidingWindow : public sdk::KeyCache<sdk::Dense, sdk::Window> {
 public:
  static constexpr const char *name = "sliding_window", *version = "1.0.0",
                              *summary = "keeps the tokens inside each layer's attention window";
  static constexpr bool runs_on_device = true;
  static std::vector<sdk::Option> options() { return declared_options(); }

  explicit SlidingWindow(const sdk::Create &create)
      : KeyCache(create, {.expected_slots = create.max_tokens},
                 [settings = read_settings(create.options)](int number, const sdk::Layer &layer) {
                   return sdk::Window{window_of(settings, number, layer)};
                 }) {
    for (std::size_t i = 0; i < create.layers.size(); ++i) {
      const sdk::Layer &layer = create.layers[i];
      const bool attention = layer.kind == KVERN_LAYER_ATTENTION;
      narrowed_.push_back(attention && is_narrower(retention(static_cast<int>(i)).length, layer));
      if (narrowed_.back() && !attention_) attention_.emplace(create);
    }
  }

  /// attend exists for windows that the model does not mask itself.
  bool offers(sdk::Verb verb) const { return verb != sdk::Verb::attend || attention_.has_value(); }

  void begin(const sdk::Step &step) {
    if (attention_) attention_->begin(step);
    try {
      KeyCache::begin(step);
    } catch (...) {
      free_step();
      throw;
    }
  }
  void end(int64_t n_keep) {
    KeyCache::end(n_keep);
    free_step();
  }
  void end_rows(sdk::Rows keep) {
    KeyCache::end_rows(keep);
    free_step();
  }

  void view(int layer, kvern_view &view) {
    KeyCache::view(layer, view);
    if (narrowed_[layer] && view.key_pos) mask_columns(layer, view);
  }

  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    if (out_k && narrowed_[layer] && !is_exact_by_view(layer))
      sdk::fail(KVERN_UNSUPPORTED, "one token at a time: the model does not mask the window of layer ",
                layer);
    KeyCache::update(layer, k, v, out_k, out_v);
  }

  void attend(const kvern_attend &request) {
    const int layer = request.layer;
    if (!narrowed_[layer] || request.bias)
      sdk::fail(KVERN_UNSUPPORTED, "the host attends to what update exports");
    if (request.k) store(layer, *request.k, request.v);
    DLTensor k, v;
    read(layer, &k, &v);
    kvern_view view{};
    SlidingWindow::view(layer, view);
    auto with_lse = attention_->with_lse(request);
    with_lse.call.window = static_cast<int32_t>(retention(layer).length);
    attention_->run(with_lse.call, {&k, &v, view.first_pos, view.key_pos, view.row_stride, 0, 0, step().rows},
                    false);
  }

  void save(sdk::Writer &out) const {
    visit_windows([&](int64_t length) { out.number(length); });
    KeyCache::save(out);
  }
  void load(sdk::Reader &in) {
    visit_windows([&](int64_t length) { in.expect("window_length", length); });
    KeyCache::load(in);
  }

  std::unique_ptr<SlidingWindow> clone() const {
    return std::unique_ptr<SlidingWindow>(new SlidingWindow(*this));
  }

 private:
  SlidingWindow(const SlidingWindow &) = default;

  /// Whether the positions of the view alone give each new token its window: one new token a row.
  bool is_exact_by_view(int layer) const {
    const int64_t length = retention(layer).length;
    for (int64_t row = 0; row < step().rows; ++row) {
      if (step().row_new[row] > 1 && step().row_pos[row] + step().row_new[row] > length) return false;
    }
    return true;
  }

  /// Rows of different lengths share columns: those outside a row's own window get a negative position.
  void mask_columns(int layer, kvern_view &view) {
    const int64_t length = retention(layer).length;
    key_pos_.clear();
    for (int64_t row = 0; row < step().rows; ++row) {
      for (int64_t slot = 0; slot < view.kv_len; ++slot) {
        const int64_t position = view.key_pos[row * view.row_stride + slot];
        key_pos_.push_back(position > step().row_pos[row] - length ? position : -1);
      }
    }
    view.key_pos = key_pos_.data();
    view.row_stride = view.kv_len;
  }

  void free_step() {
    if (attention_) attention_->end();
  }

  template <class Visit>
  void visit_windows(Visit visit) const {
    for (int i = 0; i < std::ssize(narrowed_); ++i) {
      if (layer(i).kind == KVERN_LAYER_ATTENTION) visit(retention(i).length);
    }
  }

  std::vector<char> narrowed_;                   // [layers] the window is narrower than the model's
  std::optional<sdk::HostAttention> attention_;  // where a window is
  std::vector<int64_t> key_pos_;
};

}  // namespace
}  // namespace kvern::sliding_window

KVERN_PLUGIN(kvern::sliding_window::SlidingWindow)
