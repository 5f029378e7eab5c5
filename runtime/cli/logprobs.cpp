#include "runtime/cli/logprobs.hpp"

#include <algorithm>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>

namespace kvern::cli {
namespace {

using Json = nlohmann::json;

Json as_json(int64_t id, float logprob, const Tokenizer *tokenizer) {
  Json json{{"id", id}, {"logprob", logprob}};
  json["token"] = tokenizer != nullptr ? Json(tokenizer->text(std::vector{id}, false)) : Json();
  return json;
}

}  // namespace

Logprobs::Logprobs(int64_t top, const GenerationConfig &config) : top_(top) {
  if (config.get(option::num_beams) > 1)
    throw Error(ErrorKind::config, "logprobs: beams know their tokens at the end only; use num_beams = 1");
}

void Logprobs::on_tokens(const std::vector<int64_t> &next) {
  if (!logits_.defined()) return;
  const at::Tensor all = logits_.log_softmax(-1);
  const auto [best, ids] = all.topk(std::min(top_, all.size(1)));
  rows_.resize(next.size());
  for (size_t r = 0; r < next.size(); ++r) {
    const auto row = static_cast<int64_t>(r);
    Position position{{next[r], all[row][next[r]].item<float>()}, {}};
    for (int64_t i = 0; i < best.size(1); ++i)
      position.top.push_back({ids[row][i].item<int64_t>(), best[row][i].item<float>()});
    rows_[r].push_back(std::move(position));
  }
}

Json Logprobs::of_row(size_t row, int64_t count, const Tokenizer *tokenizer) const {
  Json list = Json::array();
  if (row >= rows_.size()) return list;
  for (size_t i = 0; i < std::min(rows_[row].size(), static_cast<size_t>(count)); ++i) {
    const Position &position = rows_[row][i];
    Json json = as_json(position.chosen.id, position.chosen.logprob, tokenizer);
    json["top"] = Json::array();
    for (const Token &token : position.top)
      json["top"].push_back(as_json(token.id, token.logprob, tokenizer));
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace kvern::cli
