// A cache whose queries see a window, whatever the model's layers see: tokens that are out of it are dropped, and one long prefill
// step obeys it too.
#pragma once
#include <kvern/abi/window.h>

#include <kvern/sdk/view_attention.hpp>
#include <kvern/sdk/key_cache.hpp>
#include <kvern/sdk/retention/window.hpp>

KVERN_SDK_BEGIN

/// A layer that has a narrower window of its own keeps it. On a CPU.
template <class Storage = Dense>
class Windowed : public KeyCache<Storage, Window> {
  using Base = KeyCache<Storage, Window>;

 public:
  Windowed(const Create &create, const typename Storage::Policy &policy, int64_t length)
      : Base(create, policy,
             [length](int, const Layer &layer) {
               return Window{layer.window > 0 ? std::min<int64_t>(layer.window, length) : length};
             }),
        attention_(create.host) {}

  void view(int layer, kvern_view &view) {
    Base::view(layer, view);
    if (view.key_pos) mask_columns(layer, view);
  }

  /// Attention by the host knows the model's windows alone: exact where each row has one new token.
  void update(int layer, const DLTensor *k, const DLTensor *v, DLTensor *out_k, DLTensor *out_v) {
    if (out_k && !one_query_sees_the_view(layer))
      fail(KVERN_UNSUPPORTED, "one token at a time: layer ", layer, " has no window in the model");
    Base::update(layer, k, v, out_k, out_v);
  }

  void attend(const kvern_attend &request) {
    if (request.bias) fail(KVERN_UNSUPPORTED, "attention with a bias is the host's");
    if (request.k) this->store(request.layer, *request.k, request.v);
    DLTensor k, v;
    this->read(request.layer, &k, &v);
    kvern_view view{};
    this->view(request.layer, view);
    attention_.run(request, this->step(), view, k, v, this->retention(request.layer).length);
  }

  const void *extension(const char *id) const {
    return std::string_view(id) == KVERN_WINDOW_1 ? &table_ : nullptr;
  }

 protected:
  Windowed(const Windowed &other) : Base(other), attention_(other.attention_) {}

 private:
  bool one_query_sees_the_view(int layer) const {
    const int64_t length = this->retention(layer).length;
    for (int64_t row = 0; row < this->step().rows; ++row) {
      const int64_t fresh = this->step().row_new[row];
      if (fresh > 1 && this->step().row_pos[row] + fresh > length) return false;
    }
    return true;
  }

  /// Rows of different lengths share columns: those outside a row's own window are masked.
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

  static int64_t window_of(const void *ctx, int32_t layer) {
    return static_cast<const Windowed *>(ctx)->retention(layer).length;
  }

  kvern_cache_window_1 table_{sizeof table_, 0, this, window_of};
  ViewAttention attention_;
  std::vector<int64_t> key_pos_;
};

KVERN_SDK_END
