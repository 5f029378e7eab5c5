#include "core/attention/parallel_extension.hpp"

#include "devices/cpu/threads.hpp"

namespace kvern {
namespace {

int32_t count(void *) { return threads(); }

void run(void *, int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *arg) {
  if (n <= 0) return;
  const kernels::Parallel pool = parallel();
  pool.run(pool.ctx, n, grain, body, arg);
}

}  // namespace

const kvern_parallel_1 *parallel_extension() {
  static const kvern_parallel_1 table{sizeof(kvern_parallel_1), 0, nullptr, &count, &run};
  return &table;
}

}  // namespace kvern
