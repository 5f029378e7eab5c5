#include "runtime/run/window_reader.hpp"

#include <algorithm>
#include <chrono>
#include <kvern/forward.hpp>
#include <utility>

#include "core/torch/torch.hpp"

namespace kvern {
namespace {

using Clock = std::chrono::steady_clock;

Output run_step(const Model &model, Cache &cache, const Ids &window, int64_t begin, int64_t end) {
  Input input;
  input.ids = at::empty({1, end - begin}, at::kLong);
  std::copy(window.begin() + begin, window.begin() + end, input.ids.data_ptr<int64_t>());
  input.logits = Input::Logits::all;
  StepRequest request;
  request.row_pos = {begin};
  request.n_new = end - begin;
  request.total_length = end;
  return forward_and_keep(model, cache, std::move(request), input);
}

}  // namespace

void WindowReader::start() {
  cache_.reset();
  most_ = chunk_;
}

int64_t WindowReader::piece(int64_t left) const {
  const int64_t n = std::min(left, most_), max_new = cache_.info().max_new;
  return max_new > 0 ? std::min(n, max_new) : n;
}

/// A cache that keeps less than it was given is fed everything again, as in generation.
at::Tensor WindowReader::step(const Ids &window, int64_t begin, int64_t end) {
  const int64_t version = model_.rope_version(end);
  if (version != std::exchange(rope_version_, version)) cache_.reset();
  const int64_t held = cache_.info().tokens;
  const auto start = Clock::now();
  const auto logits = run_step(model_, cache_, window, held, end).logits;
  ms_ += std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  tokens_ += end - begin;
  return logits.select(0, 0).slice(0, begin - held, end - held);
}

at::Tensor WindowReader::read(const Ids &window, int64_t begin, int64_t end) {
  std::vector<at::Tensor> logits;
  while (begin < end) {
    const int64_t n = piece(end - begin);
    try {
      logits.push_back(step(window, begin, begin + n));
      begin += n;
    } catch (const CacheError &e) {
      // The contract's way to ask for smaller steps; the cache is as it was.
      if (e.status() != KVERN_UNSUPPORTED || n == 1) throw;
      most_ = n / 2;
    }
  }
  return at::cat(logits, 0);
}

}  // namespace kvern
