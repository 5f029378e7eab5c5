// What is done with a cache in each column of the matrix, and how far its logits are from those of the uncached model.
#pragma once
#include <functional>
#include <kvern/generation.hpp>
#include <kvern/model.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/generation/driver.hpp"

namespace kvern::matrix {

inline Driver::Options options(bool use_cache, int64_t chunk, std::optional<Encoded> encoded) {
  Driver::Options options;
  options.use_cache = use_cache;
  options.chunk = chunk;
  options.encoded = std::move(encoded);
  return options;
}

/// Opens the cache under test for so many rows of at most so many tokens.
using OpenCache = std::function<Cache(int64_t rows, int64_t tokens)>;

/// Rows of random tokens with greedy continuations of the uncached model, and its logits for each of their tokens. Where the
/// model attends to an encoder, row r does so to random hidden states of its own.
class Reference {
 public:
  Reference(const Model &model, int64_t encoder_size, OpenCache open_uncached);

  static constexpr int64_t kRows = 3, kNew = 12;
  static constexpr int64_t kContinued = 8;  ///< tokens that a scenario may add behind the greedy ones
  /// Row r is r tokens shorter than row 0; its last kNew tokens are the greedy ones.
  const std::vector<int64_t> &row(int r) const { return rows_[static_cast<size_t>(r)]; }
  int64_t prompt(int r) const { return static_cast<int64_t>(row(r).size()) - kNew; }
  /// float32 [tokens, V], computed once for each list of tokens and encoder.
  const at::Tensor &logits(const std::vector<int64_t> &tokens, int64_t encoder);
  /// What the encoder gives to these rows; nullopt where the model has none.
  std::optional<Encoded> encoded(const std::vector<int64_t> &rows) const;
  const Model &model() const { return model_; }

 private:
  const Model &model_;
  OpenCache open_;
  std::vector<std::vector<int64_t>> rows_;
  at::Tensor hidden_;  // float32 [kRows, S, encoder_size]; undefined without an encoder
  std::map<std::pair<std::vector<int64_t>, int64_t>, at::Tensor> logits_;
};

struct Outcome {
  std::string refused;     ///< the cache lacks the verb, or says why it cannot
  bool fed_again = false;  ///< the host gave all tokens again in place of the verb
  bool same_tokens = true;
  double divergence = 0;  ///< sum of KL over all steps
  int64_t steps = 0;

  double mean() const { return steps > 0 ? divergence / static_cast<double>(steps) : 0; }
};

struct Scenario {
  const char *name;
  Outcome (*run)(Reference &, const OpenCache &open);
};

/// In the order of the columns.
const std::vector<Scenario> &scenarios();

}  // namespace kvern::matrix
