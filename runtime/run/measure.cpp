#include "runtime/run/measure.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <kvern/error.hpp>
#include <limits>
#include <kvern/forward.hpp>

#include "core/torch/torch.hpp"
#include "runtime/run/probe.hpp"

namespace kvern {
namespace {

constexpr int64_t kFillChunk = 512, kWarmUp = 2, kShortPrompt = 64;

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Feeds n tokens behind the first `position`. Which ones makes no difference to the time.
void feed(const Run &run, Cache &cache, int64_t position, int64_t n) {
  StepRequest request;
  request.row_pos = {position};
  request.n_new = n;
  request.total_length = position + n;
  Input input;
  input.ids =
      at::arange(position, position + n, at::kLong).remainder(run.model().info().vocab_size).view({1, n});
  forward_and_keep(run.model(), cache, std::move(request), input);
}

void fill_to(const Run &run, Cache &cache, int64_t depth, Fill fill, const OnProgress &on_progress) {
  if (fill == Fill::random) return fill_cache(cache, 1, depth, kFillChunk, on_progress);
  for (int64_t position = 0; position < depth;) {
    const int64_t n = std::min(kFillChunk, depth - position);
    feed(run, cache, position, n);
    position += n;
    if (on_progress) on_progress(position, depth);
  }
}

// The number of tokens of a measurement: positions have 31 bits, and sums of two counts 64.
void check_count(int64_t tokens) {
  constexpr int64_t kMaxTokens = std::numeric_limits<int32_t>::max();
  if (tokens <= kMaxTokens) return;
  throw Error(ErrorKind::usage, std::to_string(tokens) + " tokens cannot be measured; at most " +
                                    std::to_string(kMaxTokens) + " can");
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

DecodeFigures measure_decode(const Run &run, int64_t depth, int64_t tokens, Fill fill,
                             const OnProgress &on_progress) {
  c10::InferenceMode no_gradients;
  check_count(depth);
  check_count(tokens);
  auto cache = run.open_cache(1, depth + kWarmUp + tokens);
  fill_to(run, cache, depth, fill, on_progress);
  std::vector<double> times;
  for (int64_t i = -kWarmUp; i < tokens; ++i) {
    // A cache that keeps nothing is fed everything again: that is its price.
    const int64_t held = cache.info().tokens, end = depth + kWarmUp + i + 1;
    const auto start = Clock::now();
    feed(run, cache, held, end - held);
    if (i >= 0) times.push_back(ms_since(start));
  }
  const auto info = cache.info();
  DecodeFigures f;
  f.depth = depth;
  f.steps_ms = std::move(times);
  f.cache_bytes = info.bytes_device + info.bytes_host;
  f.cache_bytes_used = info.bytes_used;
  return f;
}

PrefillFigures measure_prefill(const Run &run, int64_t tokens, int64_t repeats) {
  c10::InferenceMode no_gradients;
  check_count(tokens);
  auto cache = run.open_cache(1, tokens);
  feed(run, cache, 0, std::min(tokens, kShortPrompt));
  std::vector<double> times;
  for (int64_t i = 0; i < repeats; ++i) {
    cache.reset();
    const auto start = Clock::now();
    feed(run, cache, 0, tokens);
    times.push_back(ms_since(start));
  }
  const double n = static_cast<double>(tokens) * 1e3;
  return {tokens, n / *std::min_element(times.begin(), times.end()), n / median(times)};
}

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

}  // namespace kvern
