// The answers of a cache in one step, compared with attention over the whole history.
#include <utility>

#include "check/cache_window.hpp"
#include "check/harness_open.hpp"

namespace kvern::conformance {

constexpr double kMayBeRounded = 0.2;  // a wrong key is off by more, as a rule: values have unit scale

/// A query of the model, rotated unless `raw`.
std::vector<double> CacheHarness::query(int layer, const Open &open, const kvern_view &view, int64_t r, int h,
                                        int64_t i, bool raw) const {
  const kvern_layer &shape = subject.layers[layer];
  std::vector<double> q(static_cast<std::size_t>(shape.head_dim_k));
  for (int d = 0; d < shape.head_dim_k; ++d) q[d] = test_value(open.token(r, i), layer, Kind::query, h, d);
  const int owner = shape.shares_layer >= 0 ? shape.shares_layer : layer;
  if (!raw && shape.kind != KVERN_LAYER_CROSS)
    rotate(shape, owner, q.data(), open.query_position(view, r, i));
  return q;
}

void CacheHarness::compare_attend(int layer, const Open &open, const kvern_view &view, const DLTensor &out,
                                  const float *lse) {
  if (subject.own_word) return compare_own_attend(layer, open, view, out, lse);
  const kvern_layer &shape = subject.layers[layer];
  const auto skipped = [&](int64_t r, int64_t i) {  // padding may see an encoder or not
    return shape.kind == KVERN_LAYER_CROSS && open.pos[r] + i < 0;
  };
  const auto over_history = [&](int64_t r, int h, int64_t i) {
    return attend_all(open.fed[r], shape, layer, h, open.pos[r] + open.fed[r].pad + i, subject.semantics);
  };
  counts.elements +=
      compare_queries(subject, layer, open, out, lse, "attend gives another result than the whole history",
                      skipped, over_history);
}

/// Shape as in the view; finite elements in all slots, masked ones too.
void CacheHarness::check_exported(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                                  const DLTensor &v) const {
  const kvern_layer &shape = subject.layers[layer];
  const auto shaped = [&](const DLTensor &t, int64_t dim) {
    return is_shaped(t, subject.type, open.step.rows, shape.kv_heads, view.kv_len, dim);
  };
  expect(shaped(k, shape.head_dim_k) && shaped(v, shape.head_dim_v),
         "update exported another shape or type than view reported", Place{layer, 0, 0, 0}, kFinite);
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int h = 0; h < shape.kv_heads; ++h) {
      for (int64_t j = 0; j < view.kv_len; ++j) {
        bool finite = true;
        for (int d = 0; d < shape.head_dim_k; ++d) finite &= std::isfinite(read_element(k, r, h, j, d));
        for (int d = 0; d < shape.head_dim_v; ++d) finite &= std::isfinite(read_element(v, r, h, j, d));
        expect(finite, "a slot holds an element that is not finite", Place{layer, r, h, j}, kFinite);
      }
    }
  }
}

CacheHarness::ViewedKeys CacheHarness::viewed(int layer, const kvern_view &view, const DLTensor &k,
                                              const DLTensor &v) const {
  const kvern_layer &shape = subject.layers[layer];
  const int owner = shape.shares_layer >= 0 ? shape.shares_layer : layer;
  return {view, k, v, window_in(*cache, owner, shape.window)};
}

/// Attention over the exported keys and values, at the positions of the view.
Softmax CacheHarness::attend_view(int layer, const Open &open, const ViewedKeys &keys, int64_t r, int h,
                                  int64_t i) const {
  const kvern_layer &shape = subject.layers[layer];
  const bool cross = shape.kind == KVERN_LAYER_CROSS;
  const int key_head = h / (shape.q_heads / shape.kv_heads);
  const int64_t position = open.query_position(keys.view, r, i), window = keys.window;
  const std::vector<double> q = query(layer, open, keys.view, r, h, i, false);
  Softmax result(shape.head_dim_v);
  if (open.pos[r] + i < 0) return result;
  for (int64_t j = 0; j < keys.view.kv_len; ++j) {
    const int64_t key = key_position(keys.view, r, key_head, j);
    const bool sees = cross ? subject.row_cross || key < open.fed[r].encoder_len
                            : key <= position && (!window || key > position - window);
    if (key < 0 || !sees) continue;
    double score = 0;
    for (int d = 0; d < shape.head_dim_k; ++d) score += q[d] * read_element(keys.k, r, key_head, j, d);
    result.add(score / std::sqrt(static_cast<double>(shape.head_dim_k)),
               [&](int d) { return read_element(keys.v, r, key_head, j, d); });
  }
  return result;
}

void CacheHarness::compare_update(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                                  const DLTensor &v) {
  if (subject.own_word) return check_own_word(layer, open, view, k, v);
  const kvern_layer &shape = subject.layers[layer];
  const ViewedKeys keys = viewed(layer, view, k, v);
  for (int64_t r = 0; r < open.step.rows; ++r) {
    for (int64_t i = 0; i < open.count[r]; ++i) {
      const int64_t column = open.pos[r] + open.fed[r].pad + i;
      for (int h = 0; h < shape.q_heads; ++h) {
        const Softmax got = attend_view(layer, open, keys, r, h, i);
        const Softmax wanted = attend_all(open.fed[r], shape, layer, h, column, subject.semantics);
        for (int d = 0; d < shape.head_dim_v; ++d) {
          const double off = std::abs(got[d] - wanted[d]);
          expect(off <= subject.tolerance,
                 off < kMayBeRounded
                     ? "the exported keys and values are not those of the whole history (a cache that "
                       "rounds is checked with --tolerance X)"
                     : "the exported keys and values are not those of the whole history",
                 Place{layer, r, h, column}, kRightKeys);
          ++counts.elements;
        }
      }
    }
  }
}

/// A step and its view as they were when the model's kernels were given to the device.
struct CacheHarness::Pending {
  Pending(int layer, const Open &from, const kvern_view &view, int64_t heads) : layer(layer), view(view) {
    open.step = from.step, open.pos = from.pos, open.count = from.count, open.fed = from.fed;
    for (int64_t r = 0; r < open.step.rows; ++r) {
      for (int64_t h = 0; h < heads; ++h) {
        for (int64_t j = 0; j < view.kv_len; ++j) positions.push_back(key_position(view, r, h, j));
      }
    }
    this->view.key_pos = positions.data();
    this->view.row_stride = heads * view.kv_len, this->view.head_stride = view.kv_len;
    if (view.q_pos) queries.assign(view.q_pos, view.q_pos + open.step.rows * open.step.n_new);
    if (view.q_pos) this->view.q_pos = queries.data();
  }

  int layer;
  Open open;
  std::vector<int64_t> positions, queries;
  kvern_view view;
  std::optional<Tensor4> k, v;  // what update exported
  std::optional<Tensor4> out;   // or what attend computed
  std::vector<float> lse{};
};

void CacheHarness::compare_exported(int layer, const Open &open, const kvern_view &view, const DLTensor &k,
                                    const DLTensor &v) {
  if (!host.device()) {
    check_exported(layer, open, view, k, v);
    return compare_update(layer, open, view, k, v);
  }
  expect(k.ndim == 4 && v.ndim == 4, "update exported tensors of other than four axes",
         Place{layer, 0, 0, 0});
  const auto made = std::make_shared<Pending>(layer, open, view, subject.layers[layer].kv_heads);
  made->k.emplace(k.dtype, k.shape[0], k.shape[1], k.shape[2], k.shape[3]);
  made->v.emplace(v.dtype, v.shape[0], v.shape[1], v.shape[2], v.shape[3]);
  host.device()->download(k, made->k->dl);
  host.device()->download(v, made->v->dl);
  pending_.push_back(made);
}

void CacheHarness::download_attended(int layer, const Open &open, const kvern_view &view, const DLTensor &out,
                                     const DLTensor *lse) {
  const auto made = std::make_shared<Pending>(layer, open, view, subject.layers[layer].kv_heads);
  made->out.emplace(out.dtype, out.shape[0], out.shape[1], out.shape[2], out.shape[3]);
  host.device()->download(out, made->out->dl);
  if (lse) {
    made->lse.resize(static_cast<std::size_t>(lse->shape[0] * lse->shape[1] * lse->shape[2]));
    DLTensor to = *lse;
    to.data = made->lse.data();
    host.device()->download(*lse, to);
  }
  pending_.push_back(made);
}

void CacheHarness::settle() {
  if (pending_.empty()) return;
  host.device()->finish();
  for (const auto &one : std::exchange(pending_, {})) {
    if (one->out) {
      compare_attend(one->layer, one->open, one->view, one->out->dl,
                     one->lse.empty() ? nullptr : one->lse.data());
      continue;
    }
    check_exported(one->layer, one->open, one->view, one->k->dl, one->v->dl);
    compare_update(one->layer, one->open, one->view, one->k->dl, one->v->dl);
  }
}

}  // namespace kvern::conformance
