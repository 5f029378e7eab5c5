// The keys and values that a cache was given, kept beside it: what it exports is compared with them.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <vector>

namespace kvern::conformance {

/// One layer. Rows follow the verbs of the cache; tokens that came by `load` are unknown, and compared with nothing.
class LayerHistory {
 public:
  LayerHistory() = default;
  explicit LayerHistory(const kvern_layer &layer);

  /// Tokens `first` .. of a row, from the first `count` columns of k and v; negative positions are padding. v is nullptr where values
  /// lie in the keys.
  void store(int64_t row, int64_t first, int64_t count, const DLTensor &k, const DLTensor *v);

  void set_rows(int64_t rows) { rows_.assign(static_cast<std::size_t>(rows), {}); }
  void cut(int64_t row, int64_t end);
  void gather(const int64_t *rows, int64_t n);
  void append(const LayerHistory &other);

  /// Compares the slots of a view with what was stored. Values may differ from it as those of a cache that rounds do, but not so that
  /// they are another token's. Throws Violation. keys: also the keys, which must be rotated to the text's positions.
  void check(int number, const kvern_view &view, const DLTensor &k, const DLTensor *v, bool keys) const;

 private:
  struct Stored {
    std::vector<float> k, v;  // [position, head, dim]
    std::vector<char> known;  // [position]
  };
  struct Part;
  enum class Kind { key, value };

  int64_t dim(Kind kind) const { return kind == Kind::key ? dim_k_ : dim_v_; }
  bool known(int64_t row, int64_t position) const;
  const float *vector(Kind kind, int64_t row, int64_t head, int64_t position) const;
  void check_head(const Part &part) const;
  void check_token(const Part &part, int64_t position, const std::vector<float> &held, double error) const;

  int64_t heads_ = 0, dim_k_ = 0, dim_v_ = 0;
  bool values_in_keys_ = false;
  std::vector<Stored> rows_;
};

}  // namespace kvern::conformance
