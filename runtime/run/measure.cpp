#include "runtime/run/measure.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <fstream>
#include <kvern/error.hpp>
#include <limits>
#include <utility>

#include "core/generation/driver.hpp"
#include "core/torch/torch.hpp"
#include "runtime/run/probe.hpp"
#include "runtime/support/processor_time.hpp"

namespace kvern {
namespace {

constexpr int64_t kFillChunk = 512, kWarmUp = 2, kShortPrompt = 64;

using Clock = std::chrono::steady_clock;

/// Processor time of all threads: with one thread nearly what the step takes on a machine that does nothing else.
double cpu_ms_now() { return 1e3 * processor_seconds(); }

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Rows of n ids, different from row to row. Which ones makes no difference to the time.
TokenRows some_ids(const Model &model, int64_t n, int64_t rows = 1) {
  TokenRows ids(static_cast<size_t>(rows));
  for (size_t r = 0; r < ids.size(); ++r)
    for (int64_t i = 0; i < n; ++i)
      ids[r].push_back((i + 17 * static_cast<int64_t>(r)) % model.info().vocab_size);
  return ids;
}

void fill_to(const Session &run, Cache &cache, int64_t rows, int64_t depth, Fill fill,
             const OnProgress &on_progress) {
  if (fill == Fill::random) return fill_cache(cache, rows, depth, kFillChunk, on_progress);
  Driver driver(run.model(), cache, {true, kFillChunk, on_progress, {}});
  const std::vector<int64_t> no_padding(static_cast<size_t>(rows), 0);
  if (depth > 0) driver.feed(some_ids(run.model(), depth, rows), no_padding, {0, false});
}

// The number of tokens of a measurement: positions have 31 bits, and sums of two counts 64.
void check_count(int64_t tokens) {
  constexpr int64_t kMaxTokens = std::numeric_limits<int32_t>::max();
  if (tokens <= kMaxTokens) return;
  throw Error(ErrorKind::usage, std::to_string(tokens) + " tokens cannot be measured; at most " +
                                    std::to_string(kMaxTokens) + " can");
}

/// A cache that is decoded from.
class Decoding {
 public:
  Decoding(const Session &run, const DecodeRequest &request, const OnProgress &on_progress)
      : cache_(filled(run, request, on_progress)),
        driver_(run.model(), cache_),
        ids_(some_ids(run.model(), request.depth, request.rows)),
        no_padding_(ids_.size(), 0) {
    timings_.depth = request.depth;
    timings_.rows = request.rows;
  }

  void step(bool counts) {
    for (auto &row : ids_) row.push_back(0);
    const auto start = Clock::now();
    const double cpu_start = cpu_ms_now();
    driver_.feed(ids_, no_padding_);
    if (!counts) return;
    timings_.steps_ms.push_back(ms_since(start));
    timings_.cpu_ms.push_back(cpu_ms_now() - cpu_start);
  }

  DecodeTimings finish() {
    const auto info = cache_.info();
    timings_.cache_bytes = info.bytes_device + info.bytes_host;
    timings_.cache_bytes_used = info.bytes_used;
    return std::move(timings_);
  }

 private:
  static Cache filled(const Session &run, const DecodeRequest &request, const OnProgress &on_progress) {
    Cache cache = run.open_cache(request.rows, request.depth + kWarmUp + request.tokens);
    fill_to(run, cache, request.rows, request.depth, request.fill, on_progress);
    return cache;
  }

  Cache cache_;
  Driver driver_;
  TokenRows ids_;
  std::vector<int64_t> no_padding_;
  DecodeTimings timings_;
};

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

std::vector<DecodeTimings> measure_decode(const std::vector<const Session *> &runs,
                                          const DecodeRequest &request, const OnProgress &on_progress) {
  c10::InferenceMode no_gradients;
  check_count(request.depth);
  check_count(request.tokens);
  std::deque<Decoding> all;
  for (const Session *run : runs) all.emplace_back(*run, request, on_progress);
  for (int64_t i = -kWarmUp; i < request.tokens; ++i) {
    for (size_t n = 0; n < all.size(); ++n) all[i % 2 == 0 ? n : all.size() - 1 - n].step(i >= 0);
  }
  std::vector<DecodeTimings> timings;
  for (Decoding &decoding : all) timings.push_back(decoding.finish());
  return timings;
}

PrefillTimings measure_prefill(const Session &run, int64_t tokens, int64_t repeats) {
  c10::InferenceMode no_gradients;
  check_count(tokens);
  auto cache = run.open_cache(1, tokens);
  Driver driver(run.model(), cache);
  driver.feed(some_ids(run.model(), std::min(tokens, kShortPrompt)), {0});
  const auto rows = some_ids(run.model(), tokens);
  std::vector<double> times, cpu;
  for (int64_t i = 0; i < repeats; ++i) {
    driver.reset();
    const auto start = Clock::now();
    const double cpu_start = cpu_ms_now();
    driver.feed(rows, {0});
    times.push_back(ms_since(start));
    cpu.push_back(cpu_ms_now() - cpu_start);
  }
  const double n = static_cast<double>(tokens) * 1e3;
  return {tokens, n / *std::min_element(times.begin(), times.end()), n / median(times), median(cpu)};
}

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

}  // namespace kvern
