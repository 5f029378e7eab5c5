#include "check/reference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

namespace kvern::conformance {

double test_value(uint32_t token, int layer, Kind kind, int head, int dim) {
  uint64_t x = token * 1000003ull + static_cast<uint64_t>(layer * 7919 + static_cast<int>(kind) * 104729 +
                                                          head * 131 + dim * 17 + 1);
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
  x ^= x >> 33;
  return static_cast<double>(x >> 11) / 9007199254740992.0 * 2 - 1;
}

namespace {

double angle(int layer, int pair, int dim, int64_t position) {
  return static_cast<double>(position) * std::pow(layer % 2 ? 500.0 : 50.0, -2.0 * pair / dim);
}

double dot(const std::vector<double> &a, const std::vector<double> &b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void fill(std::vector<double> &x, uint32_t token, int layer, Kind kind, int head, int dim) {
  x.resize(static_cast<std::size_t>(dim));
  for (int d = 0; d < dim; ++d) x[d] = test_value(token, layer, kind, head, d);
}

std::vector<double> vector_of(uint32_t token, int layer, Kind kind, int head, int dim) {
  std::vector<double> x;
  fill(x, token, layer, kind, head, dim);
  return x;
}

struct Turn {
  double cos, sin;
};

/// Of each pair of a vector at a position. Remembered for the thread: every query rotates every key anew, and the functions cost
/// more than all other work of the reference implementation.
const std::vector<Turn> &turns(int layer, int dim, int64_t position) {
  thread_local std::map<std::pair<int, int>, std::unordered_map<int64_t, std::vector<Turn>>> known;
  std::vector<Turn> &found = known[{layer % 2, dim}][position];
  for (int pair = static_cast<int>(found.size()); pair < dim / 2; ++pair) {
    const double a = angle(layer, pair, dim, position);
    found.push_back({std::cos(a), std::sin(a)});
  }
  return found;
}

}  // namespace

void rotate(int layer, double *x, int dim, int64_t position) {
  const int half = dim / 2;
  const std::vector<Turn> &by = turns(layer, dim, position);
  for (int d = 0; d < half; ++d) {
    const double u = x[d], v = x[d + half];
    x[d] = u * by[d].cos - v * by[d].sin;
    x[d + half] = v * by[d].cos + u * by[d].sin;
  }
}

double Softmax::log_sum_exp() const {
  return weight_ > 0 ? most_ + std::log(weight_) : -std::numeric_limits<double>::infinity();
}

bool Semantics::sees(int64_t query, int64_t key, int64_t window) const {
  if (key < 0 || key > query || (window > 0 && key <= query - window)) return false;
  if (this->window > 0 && key <= query - this->window) return false;
  return sink_window == 0 || key < sink_tokens || key > query - (sink_window - sink_tokens);
}

int64_t Semantics::rotary_position(int64_t key, int64_t query) const {
  if (sink_window == 0 || absolute) return key;
  const int64_t dropped = std::max<int64_t>(0, query + 1 - sink_window);
  return key < sink_tokens && key != query ? key : key - dropped;
}

Softmax attend_all(const Row &row, const kvern_layer &layer, int number_, int head, int64_t column,
                   const Semantics &semantics) {
  const int dim = layer.head_dim_k, key_head = head / (layer.q_heads / layer.kv_heads);
  const int owner = layer.shares_layer >= 0 ? layer.shares_layer : number_;
  const int64_t position = column - row.pad;
  const double scale = 1 / std::sqrt(static_cast<double>(dim));
  Softmax result(layer.head_dim_v);
  if (position < 0) return result;
  std::vector<double> q = vector_of(row.tokens[column], number_, Kind::query, head, dim);
  const Kind value_kind = layer.flags & KVERN_VALUES_IN_KEYS ? Kind::key : Kind::value;
  if (layer.kind == KVERN_LAYER_CROSS) {
    for (int64_t j = 0; j < row.encoder_len; ++j) {
      const uint32_t token = row.encoder + static_cast<uint32_t>(j);
      const std::vector<double> v = vector_of(token, number_, Kind::value, key_head, layer.head_dim_v);
      result.add(dot(q, vector_of(token, number_, Kind::key, key_head, dim)) * scale,
                 [&](int d) { return v[d]; });
    }
    return result;
  }
  rotate(owner, q.data(), dim, semantics.rotary_position(position, position));
  std::vector<double> k, v;
  for (int64_t j = row.pad; j <= column; ++j) {
    const int64_t key = j - row.pad;
    if (!semantics.sees(position, key, layer.window)) continue;
    fill(k, row.tokens[j], owner, Kind::key, key_head, dim);
    rotate(owner, k.data(), dim, semantics.rotary_position(key, position));
    if (value_kind == Kind::value) fill(v, row.tokens[j], owner, Kind::value, key_head, layer.head_dim_v);
    const std::vector<double> &value = value_kind == Kind::key ? k : v;
    result.add(dot(q, k) * scale, [&](int d) { return value[d]; });
  }
  return result;
}

std::vector<double> state_after(const Row &row, int layer, int64_t columns, int dim) {
  std::vector<double> state(static_cast<std::size_t>(dim), 0.0);
  for (int64_t i = row.pad; i < columns; ++i) {
    for (int d = 0; d < dim; ++d) {
      state[d] = static_cast<float>(0.8 * state[d] + test_value(row.tokens[i], layer, Kind::state, 0, d));
    }
  }
  return state;
}

float &at(const DLTensor &tensor, int64_t row, int64_t head, int64_t token, int64_t dim) {
  const int64_t *shape = tensor.shape;
  const int64_t contiguous[4] = {shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1};
  const int64_t *stride = tensor.strides ? tensor.strides : contiguous;
  auto *data = reinterpret_cast<float *>(static_cast<char *>(tensor.data) + tensor.byte_offset);
  return data[row * stride[0] + head * stride[1] + token * stride[2] + dim * stride[3]];
}

namespace {

kvern_status rope_rotate(void *, int32_t layer, const DLTensor *x, const int64_t *pos, int64_t row_stride,
                         int32_t, void *, DLTensor *out, kvern_error *) {
  const int dim = static_cast<int>(x->shape[3]);
  std::vector<double> rotated(static_cast<std::size_t>(dim));
  for (int64_t r = 0; r < x->shape[0]; ++r) {
    for (int64_t h = 0; h < x->shape[1]; ++h) {
      for (int64_t i = 0; i < x->shape[2]; ++i) {
        for (int d = 0; d < dim; ++d) rotated[d] = at(*x, r, h, i, d);
        rotate(layer, rotated.data(), dim, pos[r * row_stride + i]);
        for (int d = 0; d < dim; ++d) at(*out, r, h, i, d) = static_cast<float>(rotated[d]);
      }
    }
  }
  return KVERN_OK;
}

constexpr int kRotaryDim = 8;

kvern_status rope_tables(void *, int32_t layer, const int64_t *pos, int64_t n, float *cos, float *sin,
                         int32_t *rotary_dim, int32_t *interleaved, float *factor, kvern_error *) {
  *rotary_dim = kRotaryDim;
  *interleaved = 0;
  *factor = 1;
  for (int64_t i = 0; i < n && cos; ++i) {
    for (int d = 0; d < kRotaryDim / 2; ++d) {
      const double a = angle(layer, d, kRotaryDim, pos[i]);
      cos[i * kRotaryDim / 2 + d] = static_cast<float>(std::cos(a));
      sin[i * kRotaryDim / 2 + d] = static_cast<float>(std::sin(a));
    }
  }
  return KVERN_OK;
}

int64_t key_position(const kvern_piece_1 &piece, int64_t row, int64_t head, int64_t slot) {
  if (!piece.key_pos) return piece.first_pos[row] + slot;
  return piece.key_pos[row * piece.row_stride + head * piece.head_stride + slot];
}

bool visible(const kvern_attend &call, int64_t query, int64_t key) {
  return key >= 0 && (!call.causal || key <= query) && (!call.window || key > query - call.window);
}

/// One query over all pieces; merge adds what out and lse hold already as one more key.
Softmax attend_pieces(const kvern_attend &call, int64_t query, const kvern_piece_1 *pieces, int64_t n_pieces,
                      int64_t r, int64_t h, int64_t i) {
  const int64_t heads = pieces[0].k->shape[1], key_head = h / (call.q->shape[1] / heads);
  Softmax result(static_cast<int>(call.out->shape[3]));
  for (const kvern_piece_1 *piece = pieces; piece < pieces + n_pieces; ++piece) {
    const int64_t row = r - piece->row_begin;
    if (row < 0 || row >= piece->rows) continue;
    for (int64_t j = 0; j < piece->k->shape[2]; ++j) {
      if (!visible(call, query, key_position(*piece, row, key_head, j))) continue;
      double score = 0;
      for (int64_t d = 0; d < call.q->shape[3]; ++d) {
        score += static_cast<double>(at(*call.q, r, h, i, d)) * at(*piece->k, row, key_head, j, d);
      }
      result.add(score * call.scale, [&](int d) { return at(*piece->v, row, key_head, j, d); });
    }
  }
  return result;
}

kvern_status attention_run(void *, const kvern_attend *call, const int64_t *q_pos,
                           const kvern_piece_1 *pieces, int64_t n_pieces, int32_t merge, void *,
                           kvern_error *) {
  if (call->bias || call->softcap != 0 || call->sinks) return KVERN_UNSUPPORTED;
  const int64_t rows = call->q->shape[0], heads = call->q->shape[1], n = call->q->shape[2];
  auto *lse = static_cast<float *>(call->lse->data);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t i = 0; i < n; ++i) {
        Softmax result = attend_pieces(*call, q_pos[r * n + i], pieces, n_pieces, r, h, i);
        float &sum = lse[(r * heads + h) * n + i];
        if (merge && sum > -1e30f) {
          std::vector<double> old;
          for (int64_t d = 0; d < call->out->shape[3]; ++d) old.push_back(at(*call->out, r, h, i, d));
          result.add(sum, [&](int d) { return old[d]; });
        }
        for (int64_t d = 0; d < call->out->shape[3]; ++d) {
          at(*call->out, r, h, i, d) = static_cast<float>(result[static_cast<int>(d)]);
        }
        sum = static_cast<float>(result.log_sum_exp());
      }
    }
  }
  return KVERN_OK;
}

/// The weights of the keys that one query sees, added to the mass of its head.
void add_mass(const kvern_attend &call, int64_t query, const kvern_piece_1 &piece, int64_t r, int64_t h,
              int64_t i, double log_sum_exp, const DLTensor &mass) {
  const int64_t heads = piece.k->shape[1], key_head = h / (call.q->shape[1] / heads), n = piece.k->shape[2];
  const int64_t row_stride = mass.strides ? mass.strides[0] : heads * n;
  const int64_t head_stride = mass.strides ? mass.strides[1] : n;
  float *to = static_cast<float *>(mass.data) + r * row_stride + key_head * head_stride;
  for (int64_t j = 0; j < n; ++j) {
    if (!visible(call, query, key_position(piece, r, key_head, j))) continue;
    double score = 0;
    for (int64_t d = 0; d < call.q->shape[3]; ++d)
      score += static_cast<double>(at(*call.q, r, h, i, d)) * at(*piece.k, r, key_head, j, d);
    to[j] += static_cast<float>(std::exp(score * call.scale - log_sum_exp));
  }
}

kvern_status attention_run_with_mass(void *ctx, const kvern_attend *call, const int64_t *q_pos,
                                     const kvern_piece_1 *piece, DLTensor *mass, void *stream,
                                     kvern_error *error) {
  const int64_t rows = call->q->shape[0], heads = call->q->shape[1], n = call->q->shape[2];
  std::vector<float> sums(static_cast<std::size_t>(rows * heads * n));
  int64_t shape[3] = {rows, heads, n};
  DLTensor lse{sums.data(), {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, shape, nullptr, 0};
  kvern_attend whole = *call;
  if (!whole.lse) whole.lse = &lse;
  const kvern_status status = attention_run(ctx, &whole, q_pos, piece, 1, 0, stream, error);
  if (status != KVERN_OK) return status;
  const auto *found = static_cast<const float *>(whole.lse->data);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < n; ++i)
        add_mass(*call, q_pos[r * n + i], *piece, r, h, i, found[(r * heads + h) * n + i], *mass);
  return KVERN_OK;
}

int32_t parallel_threads(void *) { return 2; }

void parallel_run(void *, int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *arg) {
  for (int64_t begin = (n - 1) / grain * grain; begin >= 0 && n > 0; begin -= grain) {
    body(arg, begin, std::min(n, begin + grain));
  }
}

}  // namespace

const kvern_rope_1 *rope_extension() {
  static const kvern_rope_1 table{sizeof(kvern_rope_1), 0, nullptr, rope_rotate, rope_tables};
  return &table;
}

const kvern_attention_1 *attention_extension() {
  static const kvern_attention_1 table{sizeof(kvern_attention_1), 0, nullptr, attention_run,
                                       attention_run_with_mass};
  return &table;
}

const kvern_parallel_1 *parallel_extension() {
  static const kvern_parallel_1 table{sizeof(kvern_parallel_1), 0, nullptr, parallel_threads, parallel_run};
  return &table;
}

}  // namespace kvern::conformance
