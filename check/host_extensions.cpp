#include "check/host_extensions.hpp"

#include <kvern/abi/attention.h>
#include <kvern/abi/parallel.h>
#include <kvern/abi/rope.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "check/harness.hpp"
#include "check/tensor_view.hpp"

namespace kvern::conformance {
namespace {

TestHost &host_of(void *ctx) { return *static_cast<TestHost *>(ctx); }

/// A tensor whose shape and strides are its own: work that is done later must not read the caller's.
class Described {
 public:
  explicit Described(const DLTensor &tensor)
      : shape_(tensor.shape, tensor.shape + tensor.ndim), strides_(shape_.size()), dl_(tensor) {
    for (int axis = 0; axis < tensor.ndim; ++axis)
      strides_[static_cast<std::size_t>(axis)] = stride_of(tensor, axis);
    dl_.shape = shape_.data();
    dl_.strides = strides_.data();
  }
  Described(const Described &) = delete;
  DLTensor &dl() { return dl_; }

 private:
  std::vector<int64_t> shape_, strides_;
  DLTensor dl_;
};

kvern_status rope_rotate(void *ctx, int32_t layer, const DLTensor *x, const int64_t *pos, int64_t row_stride,
                         int32_t, void *stream, DLTensor *out, kvern_error *) {
  const auto from = std::make_shared<Described>(*x), to = std::make_shared<Described>(*out);
  const int64_t rows = x->shape[0], n = x->shape[2];
  std::vector<int64_t> positions;
  for (int64_t r = 0; r < rows; ++r)
    positions.insert(positions.end(), pos + r * row_stride, pos + r * row_stride + n);
  const auto rotate_all = [from, to, positions, layer, n, shape = host_of(ctx).layer(layer)] {
    const DLTensor &x = from->dl();
    std::vector<double> rotated(static_cast<std::size_t>(x.shape[3]));
    for (int64_t r = 0; r < x.shape[0]; ++r)
      for (int64_t h = 0; h < x.shape[1]; ++h)
        for (int64_t i = 0; i < n; ++i) {
          for (int64_t d = 0; d < x.shape[3]; ++d) rotated[d] = at(x, r, h, i, d);
          rotate(shape, layer, rotated.data(), positions[r * n + i]);
          for (int64_t d = 0; d < x.shape[3]; ++d) at(to->dl(), r, h, i, d) = static_cast<float>(rotated[d]);
        }
  };
  host_of(ctx).run(stream, "kvern.rope/1", {*x, *out}, rotate_all);
  return KVERN_OK;
}

kvern_status rope_tables(void *ctx, int32_t layer, const int64_t *pos, int64_t n, float *cos, float *sin,
                         int32_t *rotary_dim, int32_t *interleaved, float *factor, kvern_error *) {
  const int dim = rotary_dim_of(host_of(ctx).layer(layer));
  *rotary_dim = dim;
  *interleaved = 0;
  *factor = 1;
  for (int64_t i = 0; i < n && cos; ++i) {
    for (int d = 0; d < dim / 2; ++d) {
      const double a = angle(layer, d, dim, pos[i]);
      cos[i * dim / 2 + d] = static_cast<float>(std::cos(a));
      sin[i * dim / 2 + d] = static_cast<float>(std::sin(a));
    }
  }
  return KVERN_OK;
}

bool visible(const kvern_attend &call, int64_t query, int64_t key) {
  return key >= 0 && (!call.causal || key <= query) && (!call.window || key > query - call.window);
}

/// A call of attention/1 that is done later: everything that it needs is copied but the elements.
class AttentionWork {
 public:
  AttentionWork(const kvern_attend &call, const int64_t *q_pos, const kvern_piece_1 *pieces, int64_t n_pieces,
                bool merge, const DLTensor *mass)
      : call_(call), merge_(merge), q_pos_(q_pos, q_pos + call.q->shape[0] * call.q->shape[2]) {
    call_.q = &own(*call.q);
    call_.out = &own(*call.out);
    call_.lse = call.lse ? &own(*call.lse) : nullptr;
    mass_ = mass ? &own(*mass) : nullptr;
    for (const kvern_piece_1 *piece = pieces; piece < pieces + n_pieces; ++piece) add(*piece);
  }

  std::vector<DLTensor> used() {
    std::vector<DLTensor> all;
    for (Described &tensor : tensors_) all.push_back(tensor.dl());
    return all;
  }

  void run() {
    const DLTensor &q = *call_.q;
    for (int64_t r = 0; r < q.shape[0]; ++r)
      for (int64_t h = 0; h < q.shape[1]; ++h)
        for (int64_t i = 0; i < q.shape[2]; ++i) attend(r, h, i);
  }

 private:
  struct Piece {
    DLTensor *k, *v;
    int64_t row_begin;
    std::vector<int64_t> positions;  // [rows, heads, len]

    int64_t rows() const { return k->shape[0]; }
    int64_t position(int64_t row, int64_t head, int64_t slot) const {
      return positions[(row * k->shape[1] + head) * k->shape[2] + slot];
    }
  };

  DLTensor &own(const DLTensor &tensor) { return tensors_.emplace_back(tensor).dl(); }

  void add(const kvern_piece_1 &piece) {
    Piece made{&own(*piece.k), &own(*piece.v), piece.row_begin, {}};
    for (int64_t r = 0; r < piece.rows; ++r)
      for (int64_t h = 0; h < piece.k->shape[1]; ++h)
        for (int64_t j = 0; j < piece.k->shape[2]; ++j)
          made.positions.push_back(piece.key_pos
                                       ? piece.key_pos[r * piece.row_stride + h * piece.head_stride + j]
                                       : piece.first_pos[r] + j);
    made.k->shape[0] = piece.rows;
    pieces_.push_back(std::move(made));
  }

  /// Calls visit(piece, row of it, key head, slot, score) for each key that a query sees.
  template <class Visit>
  void each_key(int64_t r, int64_t h, int64_t i, Visit visit) const {
    const DLTensor &q = *call_.q;
    const int64_t query = q_pos_[r * q.shape[2] + i];
    for (const Piece &piece : pieces_) {
      const int64_t row = r - piece.row_begin, key_head = h / (q.shape[1] / piece.k->shape[1]);
      if (row < 0 || row >= piece.rows()) continue;
      for (int64_t j = 0; j < piece.k->shape[2]; ++j) {
        if (!visible(call_, query, piece.position(row, key_head, j))) continue;
        double score = 0;
        for (int64_t d = 0; d < q.shape[3]; ++d)
          score += static_cast<double>(at(q, r, h, i, d)) * at(*piece.k, row, key_head, j, d);
        visit(piece, row, key_head, j, score * call_.scale);
      }
    }
  }

  /// One query over all pieces; merge adds what out and lse hold already as one more key.
  void attend(int64_t r, int64_t h, int64_t i) {
    DLTensor &out = *call_.out;
    const int64_t dim = out.shape[3];
    Softmax result(static_cast<int>(dim));
    each_key(r, h, i, [&](const Piece &piece, int64_t row, int64_t head, int64_t j, double score) {
      result.add(score, [&](int d) { return at(*piece.v, row, head, j, d); });
    });
    float *sum = call_.lse ? static_cast<float *>(call_.lse->data) + (r * out.shape[1] + h) * out.shape[2] + i
                           : nullptr;
    if (merge_ && *sum > -1e30f) {
      std::vector<double> old;
      for (int64_t d = 0; d < dim; ++d) old.push_back(at(out, r, h, i, d));
      result.add(*sum, [&](int d) { return old[d]; });
    }
    for (int64_t d = 0; d < dim; ++d) at(out, r, h, i, d) = static_cast<float>(result[static_cast<int>(d)]);
    if (sum) *sum = static_cast<float>(result.log_sum_exp());
    if (mass_) add_mass(r, h, i, result.log_sum_exp());
  }

  /// The weights of the keys that one query sees, added to the mass of its head.
  void add_mass(int64_t r, int64_t h, int64_t i, double log_sum_exp) {
    auto *to = static_cast<float *>(mass_->data);
    each_key(r, h, i, [&](const Piece &, int64_t row, int64_t head, int64_t j, double score) {
      to[row * mass_->strides[0] + head * mass_->strides[1] + j] +=
          static_cast<float>(std::exp(score - log_sum_exp));
    });
  }

  kvern_attend call_;
  bool merge_;
  std::vector<int64_t> q_pos_;
  std::deque<Described> tensors_;
  DLTensor *mass_ = nullptr;
  std::vector<Piece> pieces_;
};

kvern_status run_attention(void *ctx, const kvern_attend &call, const int64_t *q_pos,
                           const kvern_piece_1 *pieces, int64_t n_pieces, bool merge, const DLTensor *mass,
                           void *stream) {
  if (call.bias || call.softcap != 0 || call.sinks) return KVERN_UNSUPPORTED;
  const auto work = std::make_shared<AttentionWork>(call, q_pos, pieces, n_pieces, merge, mass);
  host_of(ctx).run(stream, "kvern.attention/1", work->used(), [work] { work->run(); });
  return KVERN_OK;
}

kvern_status attention_run(void *ctx, const kvern_attend *call, const int64_t *q_pos,
                           const kvern_piece_1 *pieces, int64_t n_pieces, int32_t merge, void *stream,
                           kvern_error *) {
  return run_attention(ctx, *call, q_pos, pieces, n_pieces, merge != 0, nullptr, stream);
}

kvern_status attention_run_with_mass(void *ctx, const kvern_attend *call, const int64_t *q_pos,
                                     const kvern_piece_1 *piece, DLTensor *mass, void *stream,
                                     kvern_error *) {
  return run_attention(ctx, *call, q_pos, piece, 1, false, mass, stream);
}

int32_t parallel_threads(void *) { return 2; }

void parallel_run(void *, int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *arg) {
  for (int64_t begin = (n - 1) / grain * grain; begin >= 0 && n > 0; begin -= grain) {
    body(arg, begin, std::min(n, begin + grain));
  }
}

}  // namespace

void offer_model_extensions(TestHost &host) {
  host.offer(KVERN_ROPE_1, host.keep(kvern_rope_1{sizeof(kvern_rope_1), 0, &host, rope_rotate, rope_tables}));
  host.offer(KVERN_ATTENTION_1, host.keep(kvern_attention_1{sizeof(kvern_attention_1), 0, &host,
                                                            attention_run, attention_run_with_mass}));
}

void offer_idle_extensions(TestHost &host) {
  const kvern_rope_1 rope{sizeof rope, 0, &host,
                          [](void *, int32_t, const DLTensor *, const int64_t *, int64_t, int32_t, void *,
                             DLTensor *, kvern_error *) -> kvern_status { return KVERN_OK; },
                          rope_tables};
  const kvern_attention_1 attention{
      sizeof attention, 0, &host,
      [](void *, const kvern_attend *, const int64_t *, const kvern_piece_1 *, int64_t, int32_t, void *,
         kvern_error *) -> kvern_status { return KVERN_OK; },
      [](void *, const kvern_attend *, const int64_t *, const kvern_piece_1 *, DLTensor *, void *,
         kvern_error *) -> kvern_status { return KVERN_OK; }};
  host.offer(KVERN_ROPE_1, host.keep(rope));
  host.offer(KVERN_ATTENTION_1, host.keep(attention));
}

void offer_threads(TestHost &host) {
  static const kvern_parallel_1 table{sizeof(kvern_parallel_1), 0, nullptr, parallel_threads, parallel_run};
  host.offer(KVERN_PARALLEL_1, &table);
}

void offer_extensions(TestHost &host) {
  offer_model_extensions(host);
  offer_threads(host);
  host.offer("kvern.compose/1", compose_extension());
}

}  // namespace kvern::conformance
