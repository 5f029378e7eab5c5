#include "check/history.hpp"

#include <algorithm>
#include <string>

#include "check/harness.hpp"
#include "check/tensor_view.hpp"

namespace kvern::conformance {
namespace {

constexpr double kRounded =
    0.02;  // relative error of a vector below which it counts as the one that was stored
constexpr double kMuchNearer = 0.25;  // of squared distances: the vector of another token

double squared_distance(const std::vector<float> &a, const float *b) {
  double sum = 0;
  for (std::size_t d = 0; d < a.size(); ++d) sum += (double{a[d]} - b[d]) * (double{a[d]} - b[d]);
  return sum;
}

}  // namespace

/// The exported keys or values of one row and head.
struct LayerHistory::Part {
  int layer;
  Kind kind;
  int64_t row, head;
  const kvern_view &view;
  const DLTensor &held;

  std::string where(int64_t position) const {
    return std::string("the ") + (kind == Kind::key ? "key" : "value") + " of layer " +
           std::to_string(layer) + ", row " + std::to_string(row) + ", head " + std::to_string(head) +
           ", at position " + std::to_string(position);
  }
};

LayerHistory::LayerHistory(const kvern_layer &layer)
    : heads_(layer.kv_heads),
      dim_k_(layer.head_dim_k),
      dim_v_(layer.head_dim_v),
      values_in_keys_((layer.flags & KVERN_VALUES_IN_KEYS) != 0) {}

void LayerHistory::store(int64_t row, int64_t first, int64_t count, const DLTensor &k, const DLTensor *v) {
  Stored &stored = rows_[static_cast<std::size_t>(row)];
  const auto size = static_cast<std::size_t>(std::max<int64_t>(first + count, 0));
  stored.known.resize(size, 0);
  stored.k.resize(size * static_cast<std::size_t>(heads_ * dim_k_));
  stored.v.resize(size * static_cast<std::size_t>(heads_ * dim_v_));
  std::vector<float> key(static_cast<std::size_t>(dim_k_)), value(static_cast<std::size_t>(dim_v_));
  for (int64_t i = std::max<int64_t>(0, -first); i < count; ++i) {
    stored.known[static_cast<std::size_t>(first + i)] = 1;
    for (int64_t head = 0; head < heads_; ++head) {
      read_vector(k, row, head, i, key);
      read_vector(v ? *v : k, row, head, i, value);
      const int64_t at = (first + i) * heads_ + head;
      std::copy(key.begin(), key.end(), stored.k.begin() + at * dim_k_);
      std::copy(value.begin(), value.end(), stored.v.begin() + at * dim_v_);
    }
  }
}

void LayerHistory::cut(int64_t row, int64_t end) {
  Stored &stored = rows_[static_cast<std::size_t>(row)];
  if (static_cast<int64_t>(stored.known.size()) > end)
    stored.known.resize(static_cast<std::size_t>(std::max<int64_t>(0, end)));
}

void LayerHistory::gather(const int64_t *rows, int64_t n) {
  std::vector<Stored> gathered;
  for (int64_t i = 0; i < n; ++i) {
    const bool held = rows[i] >= 0 && rows[i] < static_cast<int64_t>(rows_.size());
    gathered.push_back(held ? rows_[static_cast<std::size_t>(rows[i])] : Stored());
  }
  rows_ = std::move(gathered);
}

void LayerHistory::append(const LayerHistory &other) {
  rows_.insert(rows_.end(), other.rows_.begin(), other.rows_.end());
}

bool LayerHistory::known(int64_t row, int64_t position) const {
  if (row < 0 || row >= static_cast<int64_t>(rows_.size()) || position < 0) return false;
  const auto &known = rows_[static_cast<std::size_t>(row)].known;
  return position < static_cast<int64_t>(known.size()) && known[static_cast<std::size_t>(position)] != 0;
}

const float *LayerHistory::vector(Kind kind, int64_t row, int64_t head, int64_t position) const {
  const Stored &stored = rows_[static_cast<std::size_t>(row)];
  return (kind == Kind::key ? stored.k : stored.v).data() + (position * heads_ + head) * dim(kind);
}

void LayerHistory::check(int number, const kvern_view &view, const DLTensor &k, const DLTensor *v,
                         bool keys) const {
  for (int64_t row = 0; row < k.shape[0]; ++row) {
    for (int64_t head = 0; head < heads_; ++head) {
      if (keys) check_head({number, Kind::key, row, head, view, k});
      if (v && !values_in_keys_) check_head({number, Kind::value, row, head, view, *v});
    }
  }
}

void LayerHistory::check_head(const Part &part) const {
  std::vector<float> held(static_cast<std::size_t>(dim(part.kind)));
  double all_error = 0, all_norm = 0;
  int64_t last = -1;
  for (int64_t slot = 0; slot < part.view.kv_len; ++slot) {
    const int64_t position = key_position(part.view, part.row, part.head, slot);
    if (!known(part.row, position)) continue;
    read_vector(part.held, part.row, part.head, slot, held);
    const float *stored = vector(part.kind, part.row, part.head, position);
    const double error = squared_distance(held, stored), norm = squared_norm(stored, dim(part.kind));
    if (error > kRounded * kRounded * norm) check_token(part, position, held, error);
    all_error += error, all_norm += norm;
    last = position;
  }
  if (all_error > all_norm && last >= 0)
    violated(part.where(last) + " and those before it have nothing in common with what was stored");
}

/// A vector that is not the one that was stored: rounded, or another's.
void LayerHistory::check_token(const Part &part, int64_t position, const std::vector<float> &held,
                               double error) const {
  const auto nearer = [&](Kind kind, int64_t row, int64_t other) {
    if (!known(row, other) || dim(kind) != dim(part.kind)) return false;
    return squared_distance(held, vector(kind, row, part.head, other)) < kMuchNearer * error;
  };
  for (const int64_t other : {position - 1, position + 1})
    if (nearer(part.kind, part.row, other))
      violated(part.where(position) + ", is that of position " + std::to_string(other));
  const Kind opposite = part.kind == Kind::key ? Kind::value : Kind::key;
  if (!values_in_keys_ && nearer(opposite, part.row, position))
    violated(part.where(position) + ", is the token's " + (opposite == Kind::key ? "key" : "value"));
  for (int64_t row = 0; row < static_cast<int64_t>(rows_.size()); ++row)
    if (row != part.row && nearer(part.kind, row, position))
      violated(part.where(position) + ", is that of row " + std::to_string(row));
}

}  // namespace kvern::conformance
