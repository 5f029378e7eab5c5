// Contrastive search: of the top_k likeliest tokens, the one whose hidden state is least like those before it. Su et al. 2022.
#include <algorithm>

#include "core/generation/strategies.hpp"
#include "core/torch/torch.hpp"

namespace kvern {

extern constinit const GenerationOption<std::optional<double>> option::penalty_alpha{
    {.name = "penalty_alpha",
     .range = {.min = 0, .max = 1},
     .help = "weight of the similarity to tokens before in contrastive search, which picks among the top_k; "
             "0 = off",
     .source = "contrastive search: Su et al. 2022"}};

namespace {

/// Normalized hidden states of a row.
class Context {
 public:
  /// hidden float32 [L, d]
  explicit Context(const at::Tensor &hidden) : length_(hidden.size(0)) {
    states_ = at::empty({2 * length_ + 64, hidden.size(1)});
    states_.slice(0, 0, length_).copy_(normalized(hidden));
  }
  static at::Tensor normalized(const at::Tensor &hidden) {
    return hidden / hidden.norm(2, -1, /*keepdim=*/true);
  }
  /// The largest cosine with each of k states, float32 [k, d] and normalized.
  at::Tensor similarity(const at::Tensor &states) const {
    return std::get<0>(states_.slice(0, 0, length_).matmul(states.t()).max(0));
  }
  void add(const at::Tensor &state) {
    if (length_ == states_.size(0)) states_ = at::cat({states_, at::empty_like(states_)});
    states_.select(0, length_++).copy_(state);
  }

 private:
  int64_t length_;
  at::Tensor states_;
};

/// Each prompt has k rows of the cache: one for each candidate.
class ContrastiveSearch {
 public:
  explicit ContrastiveSearch(GenerationLoop &loop)
      : loop_(loop),
        alpha_(*loop.config().get(option::penalty_alpha)),
        k_(loop.config().get(option::top_k)),
        rows_(static_cast<int64_t>(loop.sequences().ids().size())) {}

  void run() {
    at::Tensor logits = prefill();
    for (;;) {
      // the candidates are fed to choose among them: a position more than elsewhere
      if (loop_.reached_limit(/*ahead=*/1)) break;
      const at::Tensor scores = loop_.process(logits);
      const auto [probabilities, ids] = scores.softmax(-1).topk(k_);
      const Output output = loop_.decode(with_candidates(ids), {1, true, 0});
      const auto chosen = choose(probabilities, output.hidden.squeeze(1));
      const auto rows = at::tensor(rows_of(chosen, 1), at::kLong);
      loop_.append(ids.flatten().index_select(0, rows));
      if (loop_.should_stop()) break;
      logits = output.logits.squeeze(1).index_select(0, rows);
      loop_.reorder_cache(rows_of(chosen, k_));
    }
  }

 private:
  at::Tensor prefill() {
    int64_t longest = 0;
    for (int64_t r = 0; r < rows_; ++r) longest = std::max(longest, tokens_of_prompt(r));
    const Output output = loop_.prefill({1, true, longest});
    for (int64_t r = 0; r < rows_; ++r)
      contexts_.emplace_back(output.hidden[r].slice(0, longest - tokens_of_prompt(r)));
    loop_.reorder_cache(rows_of(std::vector<int64_t>(static_cast<size_t>(rows_), 0), k_, 1));
    return output.logits.squeeze(1);
  }

  int64_t tokens_of_prompt(int64_t row) const {
    return loop_.sequences().length() - loop_.padding()[static_cast<size_t>(row)];
  }

  /// `times` the row of each prompt's candidate, of `width` rows a prompt.
  std::vector<int64_t> rows_of(const std::vector<int64_t> &candidates, int64_t times,
                               int64_t width = 0) const {
    std::vector<int64_t> rows;
    for (size_t r = 0; r < candidates.size(); ++r)
      rows.insert(rows.end(), static_cast<size_t>(times),
                  static_cast<int64_t>(r) * (width > 0 ? width : k_) + candidates[r]);
    return rows;
  }

  TokenRows with_candidates(const at::Tensor &ids) const {
    TokenRows rows;
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t i = 0; i < k_; ++i) {
        rows.push_back(loop_.sequences().ids()[static_cast<size_t>(r)]);
        rows.back().push_back(ids[r][i].item<int64_t>());
      }
    return rows;
  }

  /// hidden [rows * k, d] of the candidates.
  std::vector<int64_t> choose(const at::Tensor &probabilities, const at::Tensor &hidden) {
    std::vector<int64_t> chosen;
    for (int64_t r = 0; r < rows_; ++r) {
      Context &context = contexts_[static_cast<size_t>(r)];
      const auto states = Context::normalized(hidden.slice(0, r * k_, (r + 1) * k_));
      const auto scores = probabilities[r] * (1.0 - alpha_) - context.similarity(states) * alpha_;
      chosen.push_back(scores.argmax().item<int64_t>());
      context.add(states[chosen.back()]);
    }
    return chosen;
  }

  GenerationLoop &loop_;
  double alpha_;
  int64_t k_, rows_;
  std::vector<Context> contexts_;
};

constexpr const OptionDeclaration *kOptions[] = {&option::penalty_alpha};

bool applies(const GenerationConfig &config, const GenerationResources &) {
  return config.get(option::penalty_alpha).value_or(0) > 0 && config.get(option::top_k) > 1 &&
         config.get(option::num_beams) == 1 && !config.get(option::do_sample);
}

int64_t rows_per_prompt(const GenerationConfig &config) { return config.get(option::top_k); }
int64_t sequences_per_prompt(const GenerationConfig &) { return 1; }

void check(const GenerationConfig &config) {
  const int64_t copies = config.get(option::num_return_sequences);
  if (copies > 1)
    throw Error(ErrorKind::config, "num_return_sequences = " + std::to_string(copies) +
                                       ": contrastive search (penalty_alpha, top_k) gives 1 for each prompt");
}

void run(GenerationLoop &loop) { ContrastiveSearch(loop).run(); }

}  // namespace

extern constinit const StrategyEntry strategy_contrastive = {
    StrategyOrder::contrastive, kOptions, applies, rows_per_prompt, run, check, sequences_per_prompt};

}  // namespace kvern
