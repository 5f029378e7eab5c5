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

double angle(int layer, int pair, int dim, int64_t position) {
  return static_cast<double>(position) * std::pow(layer % 2 ? 500.0 : 50.0, -2.0 * pair / dim);
}

int rotary_dim_of(const kvern_layer &shape) {
  return shape.flags & KVERN_VALUES_IN_KEYS ? shape.head_dim_k - shape.head_dim_v : shape.head_dim_k;
}

namespace {

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

void rotate(const kvern_layer &shape, int layer, double *x, int64_t position) {
  const int dim = rotary_dim_of(shape), half = dim / 2;
  x += shape.head_dim_k - dim;
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
  rotate(layer, owner, q.data(), semantics.rotary_position(position, position));
  std::vector<double> k, v;
  for (int64_t j = row.pad; j <= column; ++j) {
    const int64_t key = j - row.pad;
    if (!semantics.sees(position, key, layer.window)) continue;
    fill(k, row.tokens[j], owner, Kind::key, key_head, dim);
    rotate(layer, owner, k.data(), semantics.rotary_position(key, position));
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

}  // namespace kvern::conformance
