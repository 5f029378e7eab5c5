// A model of nothing but numbers, and attention over its whole history by plain loops in double precision: what a cache's
// answers are compared with. Also the host extensions rope/1, attention/1 and
// parallel/1 in the same loops.
#pragma once
#include <kvern/abi/attention.h>
#include <kvern/abi/parallel.h>
#include <kvern/abi/rope.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace kvern::conformance {

/// A row of text: what has been said, with padding before it and, for encoder-decoder models, what the encoder saw.
struct Row {
  std::vector<uint32_t> tokens;  ///< padding included
  int64_t pad = 0;
  uint32_t encoder = 0;  ///< names its keys
  int64_t encoder_len = 0;

  int64_t next() const { return static_cast<int64_t>(tokens.size()) - pad; }
};

enum class Kind { query = 0, key = 1, value = 2, state = 3 };

/// The number that token has in this layer, head and dimension: within -1 .. 1, before rotation.
double number(uint32_t token, int layer, Kind kind, int head, int dim);

/// Turns x [dim] by the angles of a position; the base differs by layer.
void rotate(int layer, double *x, int dim, int64_t position);

/// Softmax attention of one query, its keys given one by one.
class Softmax {
 public:
  explicit Softmax(int dim) : sum_(static_cast<std::size_t>(dim), 0.0) {}
  void add(double score, const std::function<double(int)> &value);
  double operator[](int dim) const { return weight_ > 0 ? sum_[dim] / weight_ : 0; }
  double log_sum_exp() const;

 private:
  double most_ = -1e300, weight_ = 0;
  std::vector<double> sum_;
};

/// What differs between caches that are right: which keys a query sees, and where it sees them.
struct Semantics {
  int64_t sink_tokens = 0, sink_window = 0;  ///< positions counted inside a window; 0 = off

  bool sees(int64_t query, int64_t key, int64_t window) const;
  /// The position at which the query at `query` sees the key (or, with key = query, itself).
  int64_t place(int64_t key, int64_t query) const;
};

/// Attention of head `head` of the token in column `column` of a row over the row's whole history. A layer that shares
/// another's keys has queries of its own and the other's rotation.
Softmax attend_all(const Row &row, const kvern_layer &layer, int number, int head, int64_t column,
                   const Semantics &semantics);

/// What a recurrent layer's state [dim] is after the first `columns` tokens.
std::vector<double> state_after(const Row &row, int layer, int64_t columns, int dim);

/// Host extensions by plain loops, for ever.
const kvern_rope_1 *rope_extension();
const kvern_attention_1 *attention_extension();
/// One thread that takes the ranges from the last to the first.
const kvern_parallel_1 *parallel_extension();

/// The float in a tensor [B, H, T, D].
float &at(const DLTensor &tensor, int64_t row, int64_t head, int64_t token, int64_t dim);

}  // namespace kvern::conformance
