#include "core/attention/parallel_extension.hpp"

#include <atomic>
#include <vector>

#include "devices/cpu/threads.hpp"
#include "tests/support/test.hpp"

using namespace kvern;

namespace {

struct Seen {
  std::vector<std::atomic<int>> times;
  std::atomic<bool> whole_grains{true};
  int64_t grain;

  Seen(int64_t n, int64_t grain) : times(static_cast<std::size_t>(n)), grain(grain) {}

  static void body(void *arg, int64_t begin, int64_t end) {
    auto &seen = *static_cast<Seen *>(arg);
    const auto n = static_cast<int64_t>(seen.times.size());
    if (begin % seen.grain != 0 || (end != n && end % seen.grain != 0)) seen.whole_grains = false;
    for (int64_t i = begin; i < end; ++i) ++seen.times[static_cast<std::size_t>(i)];
  }
};

}  // namespace

TEST_CASE("kvern.parallel/1 covers every range once, in whole grains, for any number of threads") {
  const kvern_parallel_1 &parallel = *parallel_extension();
  for (int threads : {1, 3}) {
    set_threads(threads);
    CHECK(parallel.threads(parallel.ctx) == threads);
    for (int64_t n : {0, 1, 7, 64, 1000}) {
      for (int64_t grain : {1, 8, 2000}) {
        Seen seen(n, grain);
        parallel.run(parallel.ctx, n, grain, &Seen::body, &seen);
        bool once = true;
        for (const auto &times : seen.times) once = once && times == 1;
        CHECK(once);
        CHECK(seen.whole_grains);
      }
    }
  }
  set_threads(1);
}
