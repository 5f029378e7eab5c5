#include "runtime/run/compare.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>

#include "core/generation/driver.hpp"
#include "core/torch/torch.hpp"
#include "runtime/run/kv_elements_per_token.hpp"
#include "runtime/run/token_scores.hpp"

namespace kvern {
namespace {

using Clock = std::chrono::steady_clock;

/// A cache that reads the windows, and how well it does.
struct Candidate {
  Candidate(const Model &model, Cache opened, int64_t chunk_size)
      : chunk(chunk_size), cache(std::move(opened)), driver(model, cache, {true, chunk, {}, {}}) {}

  /// Logits of tokens [begin, end) of the window, float32 [end - begin, V].
  at::Tensor read(const Ids &window, int64_t begin, int64_t end) {
    const TokenRows rows{{window.begin(), window.begin() + end}};
    const auto start = Clock::now();
    const auto logits = driver.feed(rows, {0}, {end - begin, false}).logits;
    ms += std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    tokens += end - begin;
    return logits.select(0, 0);
  }

  int64_t chunk;
  Cache cache;
  Driver driver;
  TokenScores scores;
  double ms = 0;
  int64_t tokens = 0;
};

using Candidates = std::deque<Candidate>;

/// Lets every candidate read tokens [begin, end), number `first` at first: the first one finds weights and processor as the
/// last scoring left them, and is slower.
std::vector<at::Tensor> read_block(Candidates &all, const Ids &window, int64_t begin, int64_t end,
                                   size_t first) {
  std::vector<at::Tensor> logits(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t who = (first + i) % all.size();
    logits[who] = all[who].read(window, begin, end);
  }
  return logits;
}

/// Scores what each made of the tokens that follow [begin, end), of which the first `skipped` are not scored.
void score_block(Candidates &all, const std::vector<at::Tensor> &logits, const Ids &window, int64_t begin,
                 int64_t end, int64_t skipped) {
  if (skipped >= end - begin) return;
  const auto ids = at::empty({end - begin - skipped}, at::kLong);
  std::copy(window.begin() + begin + skipped + 1, window.begin() + end + 1, ids.data_ptr<int64_t>());
  const auto distributions = [&](size_t i) {
    return Distributions(logits[i].slice(0, skipped), all[i].cache.plugin().name);
  };
  const auto reference = distributions(0);
  for (size_t i = 0; i < all.size(); ++i) distributions(i).score(ids, reference, all[i].scores);
}

CacheScore summary(const Candidate &c, const TokenScores &reference, int64_t windows, int64_t window_tokens) {
  CacheScore s;
  auto distance = c.scores.loss;
  for (size_t i = 0; i < distance.size(); ++i) distance[i] -= reference.loss[i];
  const auto exponential = [](double x) { return std::exp(x); };
  s.chunk = c.chunk;
  s.perplexity = mapped(estimate(c.scores.loss, windows), exponential);
  s.perplexity_ratio = mapped(estimate(distance, windows), exponential);
  s.kl = estimate(c.scores.kl, windows);
  s.kl_p99 = quantile(c.scores.kl, 0.99);
  s.kl_max = quantile(c.scores.kl, 1);
  s.kl_worst_window = quantile(window_means(c.scores.kl, windows), 1);
  s.kl_by_quarter = quarter_means(c.scores.kl, windows);
  s.max_logit_difference = quantile(c.scores.difference, 1);
  s.agreement = estimate(c.scores.same, windows);
  s.ms_per_token = c.ms / static_cast<double>(c.tokens);

  const auto info = c.cache.info();
  const auto tokens = static_cast<double>(window_tokens);
  s.bytes_held = static_cast<double>(info.bytes_device + info.bytes_host);
  s.bytes_per_token = (info.bytes_used >= 0 ? static_cast<double>(info.bytes_used) : s.bytes_held) / tokens;
  const auto elements = std::max<int64_t>(1, kv_elements_per_token(c.cache.layers()));
  s.bits = 8 * s.bytes_per_token / static_cast<double>(elements);
  return s;
}

Candidates candidates(const Model &model, const CacheRequest &reference,
                      const std::vector<CacheRequest> &caches, int64_t chunk, int64_t window_tokens) {
  Candidates all;
  const auto add = [&](CacheRequest request, int64_t chunk_size) {
    request.max_rows = 1;
    request.max_tokens = window_tokens;
    all.emplace_back(model, open_cache(model, request), chunk_size);
  };
  add(reference, chunk);
  add(reference, 2 * chunk);
  for (const auto &cache : caches) add(cache, chunk);
  return all;
}

}  // namespace

Comparison compare(const Model &model, const CacheRequest &reference, const std::vector<CacheRequest> &caches,
                   const std::vector<Ids> &windows, const CompareOptions &options) {
  c10::InferenceMode no_gradients;
  const auto count = static_cast<int64_t>(windows.size());
  const auto fed = static_cast<int64_t>(windows.front().size()) - 1;  // nothing follows the last token
  const int64_t chunk = std::min(options.chunk, fed);
  const int64_t scored = options.scored > 0 ? std::min(options.scored, fed) : fed;
  auto all = candidates(model, reference, caches, chunk, fed);
  int64_t done = 0;
  size_t block = 0;
  for (const auto &window : windows) {
    for (auto &c : all) c.driver.reset();
    for (int64_t begin = 0; begin < fed; begin += 2 * chunk) {
      const int64_t end = std::min(fed, begin + 2 * chunk);
      const auto logits = read_block(all, window, begin, end, block++ % all.size());
      score_block(all, logits, window, begin, end, std::max<int64_t>(0, fed - scored - begin));
      done += end - begin;
      if (options.on_progress) options.on_progress(done, count * fed);
    }
  }
  Comparison result{count, count * scored, {}, {}, {}};
  const auto score = [&](size_t i) { return summary(all[i], all[0].scores, count, fed); };
  result.reference = score(0);
  result.noise = score(1);
  for (size_t i = 2; i < all.size(); ++i) result.caches.push_back(score(i));
  return result;
}

}  // namespace kvern
