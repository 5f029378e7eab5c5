// Log-probabilities of generated tokens, by the model's own logits: before processors, temperature and filters.
#pragma once
#include <kvern/generation.hpp>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "runtime/tokenizer/tokenizer.hpp"

namespace kvern::cli {

class Logprobs {
 public:
  /// `top`: how many of the likeliest tokens are kept beside the chosen one. Throws Error(config) for beams, whose tokens are known at
  /// the end only.
  Logprobs(int64_t top, const GenerationConfig &config);

  // Before the tokens of each step, float32 [rows, V]; then the tokens.
  void on_logits(const at::Tensor &logits) { logits_ = logits; }
  void on_tokens(const std::vector<int64_t> &next);

  /// Of the first `count` tokens of a row: id, token, logprob, and top, a list of the same. `tokenizer` may be nullptr.
  nlohmann::json of_row(size_t row, int64_t count, const Tokenizer *tokenizer) const;

 private:
  struct Token {
    int64_t id;
    float logprob;
  };
  struct Position {
    Token chosen;
    std::vector<Token> top;
  };

  int64_t top_;
  at::Tensor logits_;
  std::vector<std::vector<Position>> rows_;
};

}  // namespace kvern::cli
