// A cache whose queries see a window, whatever the model's layers see: tokens that are out of it are dropped, and one long prefill
// step obeys it too.
#pragma once
#include <kvern/sdk/attending_cache.hpp>
#include <kvern/sdk/retention/window.hpp>
#include <kvern/sdk/verbs.hpp>
#include <kvern/sdk/window_table.hpp>

KVERN_SDK_BEGIN

/// A layer whose window is narrower than the model's attends here; the others leave it to the host, which masks them. On a device if
/// the storage is Dense.
template <class Storage = Dense>
class Windowed : public AttendingCache<Storage, Window> {
  using Base = AttendingCache<Storage, Window>;

 public:
  static constexpr bool runs_on_device = std::same_as<Storage, Dense>;

  /// length_of(number, layer): the window of a layer with keys of its own, 1 or more. Throws what it throws.
  template <class Choose>
  requires std::invocable<Choose, int, const Layer &> Windowed(const Create &create,
                                                               const typename Storage::Policy &policy,
                                                               Choose length_of)
      : Base(create, policy,
             [&](int number, const Layer &layer) { return Window{length_of(number, layer)}; }),
        narrowed_(create.layers.size()) {
    for (int i = 0; i < std::ssize(create.layers); ++i) {
      const Layer &layer = create.layers[i];
      narrowed_[i] = layer.kind == KVERN_LAYER_ATTENTION &&
                     (layer.window == 0 || this->retention(i).length < layer.window);
      if (narrowed_[i] && !narrows()) this->attend_by(HostAttention(create));
    }
  }
  /// A layer that has a narrower window of its own keeps it.
  Windowed(const Create &create, const typename Storage::Policy &policy, int64_t length)
      : Windowed(create, policy, [length](int, const Layer &layer) {
          return layer.window > 0 ? std::min<int64_t>(layer.window, length) : length;
        }) {}

  /// attend exists for windows that the model does not mask itself.
  bool offers(Verb verb) const { return verb != Verb::attend || narrows(); }

  void view(int layer, kvern_view &view) {
    Base::view(layer, view);
    if (narrowed_[layer] && view.key_pos) mask_columns(layer, view);
  }

  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    if (out_k && narrowed_[layer] && !is_exact_by_view(layer))
      fail(KVERN_UNSUPPORTED, "one token at a time: the model does not mask the window of layer ", layer);
    Base::update(layer, k, v, out_k, out_v);
  }

  void attend(const kvern_attend &request) {
    if (!narrowed_[request.layer] || !request.causal)
      fail(KVERN_UNSUPPORTED, "the host attends to what update exports");
    kvern_view view{};
    this->view(request.layer, view);
    this->attend_to(view, request, window(request.layer));
  }

  /// How many positions a query of a layer sees; 0: as many as the layer says.
  int64_t window(int layer) const { return narrowed_[layer] ? this->retention(layer).length : 0; }
  const void *extension(const char *id) const {
    return narrows() && std::string_view(id) == KVERN_WINDOW_1 ? &table_ : nullptr;
  }

  void save(Writer &out) const requires requires(const Base &base) { base.save(out); }
  {
    visit_windows([&](int64_t length) { out.number(length); });
    Base::save(out);
  }
  void load(Reader &in) requires requires(Base &base) { base.load(in); }
  {
    visit_windows([&](int64_t length) { in.expect("window_length", length); });
    Base::load(in);
  }

 protected:
  Windowed(const Windowed &other) : Base(other), narrowed_(other.narrowed_) {}

 private:
  bool narrows() const { return this->attends(); }

  /// Whether the positions of the view alone give each new token its window: one new token a row.
  bool is_exact_by_view(int layer) const {
    const int64_t length = this->retention(layer).length;
    for (int64_t row = 0; row < this->step().rows; ++row) {
      const int64_t fresh = this->step().row_new[row];
      if (fresh > 1 && this->step().row_pos[row] + fresh > length) return false;
    }
    return true;
  }

  /// Rows of different lengths share columns: those outside a row's own window get a negative position.
  void mask_columns(int layer, kvern_view &view) {
    const int64_t length = this->retention(layer).length;
    key_pos_.clear();
    for (int64_t row = 0; row < this->step().rows; ++row) {
      for (int64_t slot = 0; slot < view.kv_len; ++slot) {
        const int64_t position = view.key_pos[row * view.row_stride + slot];
        key_pos_.push_back(position > this->step().row_pos[row] - length ? position : -1);
      }
    }
    view.key_pos = key_pos_.data();
    view.row_stride = view.kv_len;
  }

  template <class Visit>
  void visit_windows(Visit visit) const {
    for (int i = 0; i < this->n_layers(); ++i) {
      if (this->layer(i).kind == KVERN_LAYER_ATTENTION) visit(this->retention(i).length);
    }
  }

  std::vector<char> narrowed_;  // [layers] the window is narrower than the model's
  kvern_cache_window_1 table_ = window_table(this);
  std::vector<int64_t> key_pos_;
};

KVERN_SDK_END
