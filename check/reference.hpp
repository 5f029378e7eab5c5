// Reference implementation in double precision: a model whose keys are hashes of tokens, and attention over its whole history.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace kvern::conformance {

/// A row: its tokens with left padding, and for encoder-decoder models the encoder's.
struct Row {
  std::vector<uint32_t> tokens;  ///< padding included
  int64_t pad = 0;
  uint32_t encoder = 0;  ///< seed of its keys
  int64_t encoder_len = 0;

  int64_t next() const { return static_cast<int64_t>(tokens.size()) - pad; }
};

enum class Kind { query = 0, key = 1, value = 2, state = 3 };

/// Element of a token's vector in this layer and head: -1 .. 1, before rotation.
double test_value(uint32_t token, int layer, Kind kind, int head, int dim);

/// Elements of a key that are rotated: all of them, or those behind the values that lie in it.
int rotary_dim_of(const kvern_layer &shape);
/// Of one pair of `dim` elements; the base differs by layer.
double angle(int layer, int pair, int dim, int64_t position);
/// Applies RoPE to x [head_dim_k].
void rotate(const kvern_layer &shape, int layer, double *x, int64_t position);

/// Softmax attention of one query, its keys given one by one.
class Softmax {
 public:
  explicit Softmax(int dim) : sum_(static_cast<std::size_t>(dim), 0.0) {}

  /// `value(d)`: element d of the key's value.
  template <class Value>
  void add(double score, const Value &value) {
    const double most = std::max(most_, score);
    const double old = std::exp(most_ - most), fresh = std::exp(score - most);
    for (std::size_t d = 0; d < sum_.size(); ++d)
      sum_[d] = sum_[d] * old + fresh * value(static_cast<int>(d));
    weight_ = weight_ * old + fresh;
    most_ = most;
  }

  double operator[](int dim) const { return weight_ > 0 ? sum_[dim] / weight_ : 0; }
  double log_sum_exp() const;

 private:
  double most_ = -1e300, weight_ = 0;
  std::vector<double> sum_;
};

/// What differs between correct caches: which keys a query sees, and at which positions.
struct Semantics {
  int64_t sink_tokens = 0, sink_window = 0;  ///< positions counted inside a window; 0 = off
  int64_t window = 0;                        ///< narrower than the layer's; 0 = off
  bool absolute = false;                     ///< sinks at the text's positions, not counted inside the window

  bool sees(int64_t query, int64_t key, int64_t window) const;
  /// Position that the query at `query` rotates the key to (with key = query: its own).
  int64_t rotary_position(int64_t key, int64_t query) const;
};

/// Attention of head `head` of the token in column `column` of a row over the row's whole history. A layer that shares
/// another's keys has queries of its own and the other's rotation.
Softmax attend_all(const Row &row, const kvern_layer &layer, int number, int head, int64_t column,
                   const Semantics &semantics);

/// State [dim] of a recurrent layer after the first `columns` tokens.
std::vector<double> state_after(const Row &row, int layer, int64_t columns, int dim);

}  // namespace kvern::conformance
