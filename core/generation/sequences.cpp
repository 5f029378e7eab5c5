#include "core/generation/sequences.hpp"

#include <algorithm>
#include <utility>

#include "core/torch/torch.hpp"

namespace kvern {

Sequences::Sequences(std::vector<std::vector<int64_t>> ids, const GenerationConfig &config,
                     std::function<std::string(std::span<const int64_t>)> text)
    : ids_(std::move(ids)),
      rules_(make_stopping_rules(config, {length(), std::move(text)})),
      pad_(0),
      ended_(ids_.size()),
      new_tokens_(ids_.size(), 0) {
  const auto eos = config.get(option::eos_token_id);
  pad_ = config.get(option::pad_token_id).value_or(eos.empty() ? 0 : eos.front());
}

std::vector<int64_t> Sequences::append(const at::Tensor &next) {
  const auto *chosen = next.const_data_ptr<int64_t>();
  std::vector<int64_t> added;
  for (size_t r = 0; r < ids_.size(); ++r) {
    added.push_back(ended_[r] ? pad_ : chosen[r]);
    ids_[r].push_back(added.back());
    if (ended_[r]) continue;
    ++new_tokens_[r];
    ended_[r] = finish_reason(rules_, ids_[r]);
  }
  return added;
}

void Sequences::reorder(const std::vector<int64_t> &index) {
  const auto ids = std::move(ids_);
  const auto ended = std::move(ended_);
  const auto new_tokens = std::move(new_tokens_);
  ids_.clear(), ended_.clear(), new_tokens_.clear();
  for (const int64_t i : index) {
    ids_.push_back(ids.at(static_cast<size_t>(i)));
    ended_.push_back(ended[static_cast<size_t>(i)]);
    new_tokens_.push_back(new_tokens[static_cast<size_t>(i)]);
  }
}

void Sequences::extend(const std::vector<int64_t> &next) {
  for (size_t r = 0; r < ids_.size(); ++r) ids_[r].push_back(next.at(r));
}

bool Sequences::all_end() const {
  return std::all_of(ids_.begin(), ids_.end(), [&](const auto &ids) { return end_of(ids).has_value(); });
}

bool Sequences::all_ended() const {
  return std::find(ended_.begin(), ended_.end(), std::nullopt) == ended_.end();
}

at::Tensor Sequences::tensor() const {
  auto t = at::empty({static_cast<int64_t>(ids_.size()), length()}, at::kLong);
  auto *out = t.data_ptr<int64_t>();
  for (const auto &row : ids_) out = std::copy(row.begin(), row.end(), out);
  return t;
}

at::Tensor Sequences::tensor(const std::vector<int64_t> &rows) const {
  auto t = at::empty({static_cast<int64_t>(rows.size()), length()}, at::kLong);
  auto *out = t.data_ptr<int64_t>();
  for (const int64_t r : rows) {
    const auto &row = ids_[static_cast<size_t>(r)];
    out = std::copy(row.begin(), row.end(), out);
  }
  return t;
}

void Sequences::finish(GenerationResult &result) {
  result.sequences = std::move(ids_);
  result.new_tokens = std::move(new_tokens_);
  for (const auto &reason : ended_) result.finish_reason.push_back(reason.value_or(FinishReason::length));
}

}  // namespace kvern
