// For tests of steps: tensors of heads with reproducible elements, and attention in double precision over the history of rows.
#pragma once
#include <cmath>
#include <cstdint>
#include <functional>
#include <kvern/heads_view.hpp>
#include <vector>

namespace kvern::test {

/// Contiguous float32 [rows, heads, tokens, dim].
struct Heads {
  int64_t rows, heads, tokens, dim;
  std::vector<float> data;

  Heads(int64_t r, int64_t h, int64_t t, int64_t d)
      : rows(r), heads(h), tokens(t), dim(d), data(static_cast<size_t>(r * h * t * d)) {}
  /// Elements between -1 and 1 that depend on the seed.
  Heads(int64_t r, int64_t h, int64_t t, int64_t d, uint64_t seed) : Heads(r, h, t, d) {
    for (float &x : data) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      x = static_cast<float>(static_cast<double>(seed >> 40) / (1 << 23) - 1.0);
    }
  }

  float &at(int64_t r, int64_t h, int64_t t, int64_t d) {
    return data[static_cast<size_t>(((r * heads + h) * tokens + t) * dim + d)];
  }
  HeadsView view() {
    return {data.data(), rows, heads, tokens, dim, heads * tokens * dim, tokens * dim, dim};
  }
};

/// Reference implementation: keys and values of each row, one query at a time, in double precision.
class History {
 public:
  explicit History(int64_t rows) : rows_(static_cast<size_t>(rows)) {}

  /// Appends the first n[r] tokens of row r.
  void append(Heads &k, Heads &v, const std::vector<int64_t> &n) {
    for (int64_t r = 0; r < k.rows; ++r)
      for (int64_t t = 0; t < n[static_cast<size_t>(r)]; ++t)
        rows_[static_cast<size_t>(r)].push_back({take(k, r, t), take(v, r, t)});
  }
  void truncate(int64_t row, size_t n) { rows_[static_cast<size_t>(row)].resize(n); }
  int64_t length(int64_t row) const { return static_cast<int64_t>(rows_[static_cast<size_t>(row)].size()); }

  using Bias = std::function<double(int64_t q_pos, int64_t k_pos)>;
  /// Element d of the attention of q's head h at column t of row r, whose position is q_pos; keys up to there are seen.
  double attend(Heads &q, int64_t r, int64_t h, int64_t t, int64_t q_pos, int64_t d, double scale,
                const Bias &bias = {}) const {
    double sum = 0, result = 0;
    const auto &row = rows_[static_cast<size_t>(r)];
    for (int64_t p = 0; p < static_cast<int64_t>(row.size()) && p <= q_pos; ++p) {
      const Token &token = row[static_cast<size_t>(p)];
      const size_t kv = static_cast<size_t>(h) / (static_cast<size_t>(q.heads) / token.k.size());
      double logit = 0;
      for (int64_t i = 0; i < q.dim; ++i)
        logit += double{q.at(r, h, t, i)} * token.k[kv][static_cast<size_t>(i)];
      const double weight = std::exp(scale * logit + (bias ? bias(q_pos, p) : 0.0));
      sum += weight;
      result += weight * token.v[kv][static_cast<size_t>(d)];
    }
    return result / sum;
  }

 private:
  using Vectors = std::vector<std::vector<double>>;  // [kv_heads][dim]
  struct Token {
    Vectors k, v;
  };
  static Vectors take(Heads &x, int64_t r, int64_t t) {
    Vectors vectors;
    for (int64_t h = 0; h < x.heads; ++h) {
      std::vector<double> one;
      for (int64_t d = 0; d < x.dim; ++d) one.push_back(x.at(r, h, t, d));
      vectors.push_back(std::move(one));
    }
    return vectors;
  }
  std::vector<std::vector<Token>> rows_;
};

}  // namespace kvern::test
