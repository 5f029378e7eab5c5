// How fast this machine's memory is read, one JSON line: by 1 and 2 threads, over 1, 2, 4 and 8 address streams walked side
// by side. The fastest is the bound that the tables of compare.sh name.
//   kvern_bandwidth [--mib 512] [--repeats 5]
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include "kernels/bench/bench_support.hpp"
#include "kernels/bench/read_streams.hpp"

namespace kvern::kernels::bench {
namespace {

constexpr int kThreads[] = {1, 2};
constexpr int64_t kLineBytes = 64;

/// Seconds of this thread on a processor: a busy machine changes them less than those on the clock.
double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double pass_alone(Memory &memory, int64_t bytes, int streams) {
  const int64_t share = bytes / kLineBytes * kLineBytes;
  const double start = thread_seconds();
  read_streams(memory.data(), share, streams);
  return static_cast<double>(share) / (thread_seconds() - start);
}

/// Bytes per second of one pass, each thread over its own share, from the first that starts to the last that ends.
double pass(Memory &memory, int64_t bytes, int threads, int streams) {
  if (threads == 1) return pass_alone(memory, bytes, streams);
  using Clock = std::chrono::steady_clock;
  const int64_t share = bytes / threads / kLineBytes * kLineBytes;
  std::barrier together(threads);
  std::vector<Clock::time_point> starts(static_cast<size_t>(threads)), ends(starts);
  const auto work = [&](int t) {
    together.arrive_and_wait();
    starts[static_cast<size_t>(t)] = Clock::now();
    read_streams(memory.data() + t * share, share, streams);
    ends[static_cast<size_t>(t)] = Clock::now();
  };
  std::vector<std::thread> team;
  for (int t = 1; t < threads; ++t) team.emplace_back(work, t);
  work(0);
  for (auto &thread : team) thread.join();
  const std::chrono::duration<double> seconds =
      *std::max_element(ends.begin(), ends.end()) - *std::min_element(starts.begin(), starts.end());
  return static_cast<double>(share * threads) / seconds.count();
}

struct Speed {
  double best, median;
};

Speed measure_read(Memory &memory, int64_t bytes, int threads, int streams, int repeats) {
  std::vector<double> speeds;
  for (int i = 0; i < repeats; ++i) speeds.push_back(pass(memory, bytes, threads, streams));
  std::sort(speeds.begin(), speeds.end());
  return {speeds.back(), speeds[speeds.size() / 2]};
}

int64_t argument(int argc, char **argv, const char *name, int64_t preset) {
  for (int i = 1; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], name) == 0) return std::max<int64_t>(std::atoll(argv[i + 1]), 1);
  return preset;
}

void run(int64_t bytes, int repeats) {
  Memory memory(bytes);
  const char *separator = "{";
  for (const int threads : kThreads)
    for (const int streams : kStreamCounts) {
      const auto speed = measure_read(memory, bytes, threads, streams, repeats);
      std::printf("%s\"threads_%d_streams_%d\": {\"best\": %.4g, \"median\": %.4g}", separator, threads,
                  streams, speed.best, speed.median);
      separator = ", ";
    }
  std::printf("}\n");
}

}  // namespace
}  // namespace kvern::kernels::bench

int main(int argc, char **argv) {
  using namespace kvern::kernels::bench;
  run(argument(argc, argv, "--mib", 512) << 20, static_cast<int>(argument(argc, argv, "--repeats", 5)));
}
