#include <algorithm>
#include <random>

#include "core/torch/torch.hpp"
#include "tests/matrix/scenarios.hpp"

namespace kvern::matrix {
namespace {

constexpr int64_t kEncoderTokens = 11;
constexpr int64_t kPrompt = 90;  // tokens, if the model takes as many: beyond the models' windows

std::vector<int64_t> random_tokens(int64_t n, int64_t vocab_size, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<int64_t> tokens;
  while (static_cast<int64_t>(tokens.size()) < n)
    tokens.push_back(1 + static_cast<int64_t>(engine() % static_cast<uint64_t>(vocab_size - 1)));
  return tokens;
}

bool has_encoder(const Model &model) {
  return std::any_of(model.layers().begin(), model.layers().end(),
                     [](const LayerSpec &layer) { return layer.kind == KVERN_LAYER_CROSS; });
}

}  // namespace

Reference::Reference(const Model &model, int64_t encoder_size, OpenCache open_uncached)
    : model_(model), open_(std::move(open_uncached)) {
  if (has_encoder(model))
    hidden_ = at::normal(0.0, 1.0, {kRows, kEncoderTokens, encoder_size}, at::detail::createCPUGenerator(0));
  const int64_t max = model.info().max_positions;
  const int64_t prompt = max > 0 ? std::min(kPrompt, max - kNew - kContinued) : kPrompt;
  for (int64_t r = 0; r < kRows; ++r) {
    auto tokens = random_tokens(prompt - r, model.info().vocab_size, static_cast<uint64_t>(r));
    Cache cache = open_(1, prompt + kNew);
    Driver driver(model_, cache, options(false, 0, encoded({r})));
    for (int64_t i = 0; i < kNew; ++i)
      tokens.push_back(driver.feed({tokens}, {0}).logits.select(0, 0).select(0, 0).argmax().item<int64_t>());
    rows_.push_back(std::move(tokens));
  }
}

std::optional<Encoded> Reference::encoded(const std::vector<int64_t> &rows) const {
  if (!hidden_.defined()) return {};
  std::vector<at::Tensor> selected;
  for (const int64_t row : rows) selected.push_back(hidden_[row]);
  return Encoded{at::stack(selected), {}};
}

const at::Tensor &Reference::logits(const std::vector<int64_t> &tokens, int64_t encoder) {
  const auto known = logits_.find({tokens, encoder});
  if (known != logits_.end()) return known->second;
  const auto n = static_cast<int64_t>(tokens.size());
  Cache cache = open_(1, n);
  Driver driver(model_, cache, options(false, 0, encoded({encoder})));
  const at::Tensor all = driver.feed({tokens}, {0}, {n, false}).logits.select(0, 0).clone();
  return logits_.emplace(std::pair(tokens, encoder), all).first->second;
}

}  // namespace kvern::matrix
