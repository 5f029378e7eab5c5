// What a test of a logits processor needs: the configuration by name, rows of ids and of scores.
#pragma once
#include <string>
#include <vector>

#include "core/generation/processors.hpp"
#include "core/torch/torch.hpp"
#include "tests/support/test.hpp"

namespace kvern::test {

using Scores = std::vector<std::vector<float>>;
using IdRows = std::vector<std::vector<int64_t>>;

inline at::Tensor ids_tensor(const IdRows &rows) {
  auto t =
      at::empty({static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows.front().size())}, at::kLong);
  auto *out = t.data_ptr<int64_t>();
  for (const auto &row : rows) out = std::copy(row.begin(), row.end(), out);
  return t;
}

inline at::Tensor scores_tensor(const Scores &rows) {
  auto t =
      at::empty({static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows.front().size())}, at::kFloat);
  auto *out = t.data_ptr<float>();
  for (const auto &row : rows) out = std::copy(row.begin(), row.end(), out);
  return t;
}

/// Sampled, with top_k off, so that an option set by name is the only processor.
inline GenerationConfig sampled(const std::string &name, const Option &value) {
  GenerationConfig config;
  config.set(option::do_sample, true);
  set_option(config, "top_k", to_option(int64_t{0}));
  set_option(config, name, value);
  return config;
}

/// Scores after the processors of `config`. The first `prompt_length` ids are the prompt.
inline at::Tensor processed(const GenerationConfig &config, const IdRows &ids, const Scores &scores,
                            int64_t prompt_length = 1) {
  const at::Tensor all = ids_tensor(ids);
  const ProcessorContext context{all.slice(1, 0, prompt_length), length_limit(config, prompt_length)};
  at::Tensor result = scores_tensor(scores);
  for (const auto &process : make_processors(config, context)) result = (*process)(all, result);
  return result;
}

/// The ids that are not filtered in a row.
inline std::vector<int64_t> kept(const at::Tensor &scores, int64_t row = 0) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < scores.size(1); ++i)
    if (!std::isinf(scores[row][i].item<float>())) ids.push_back(i);
  return ids;
}

/// Logits of these probabilities.
inline std::vector<float> log_of(const std::vector<double> &probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

}  // namespace kvern::test
