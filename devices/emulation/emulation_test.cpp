// What the emulation finds in kernels that are wrong on purpose.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "devices/cuda/device.cuh"
#include "devices/cuda/testing/orders.hpp"

using namespace kvern;
using namespace kvern::device;

namespace {

enum class Mistake { none, ended, different_places, no_barrier_after_copy, nobody_wrote, order };
struct MisuseCall {
  Mistake mistake;
  float *out;
  const float *from;
};

void misuse(const MisuseCall call) {
  const auto t = threadIdx.x;
  auto *shared = reinterpret_cast<float *>(shared_memory());
  if (call.mistake == Mistake::ended && t < 7) return;
  if (call.mistake == Mistake::different_places)
    call.out[t] = t % 2 ? shuffle_xor(1.0f, 1) : shuffle_xor(2.0f, 1);
  if (call.mistake == Mistake::different_places && t % 2) call.out[t] = shuffle_xor(1.0f, 1);
  if (call.mistake == Mistake::no_barrier_after_copy && t < 16)
    copy_16(shared + 4 * t, call.from, true), copy_commit();
  if (call.mistake == Mistake::none || call.mistake == Mistake::order) shared[t] = 1.0f;
  if (call.mistake == Mistake::order) call.out[t] = shared[63 - t];
  sync_block();
  if (call.mistake != Mistake::order) call.out[t] = shared[t];
}

void run_misuse(Mistake mistake, std::vector<float> &out) {
  alignas(16) static const float from[4] = {7, 7, 7, 7};
  launch(&misuse, dim3(1), 64, 64 * 4, nullptr, MisuseCall{mistake, out.data(), from});
}

/// Does the program end by itself?
bool ends_by_abort(Mistake mistake) {
  const pid_t child = fork();
  if (child == 0) {
    close(2);
    std::signal(SIGABRT, SIG_DFL);
    std::vector<float> out(64);
    run_misuse(mistake, out);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

bool leaves_nan(Mistake mistake, uint64_t order = 0) {
  std::vector<float> out(64, 0.0f);
  emulation::order_seed() = order;
  run_misuse(mistake, out);
  emulation::order_seed() = 0;
  return std::any_of(out.begin(), out.end(), [](float x) { return std::isnan(x); });
}

}  // namespace

TEST_CASE("A kernel without a mistake runs through") { CHECK(!leaves_nan(Mistake::none)); }

TEST_CASE("Shared memory that nobody wrote is not a number") { CHECK(leaves_nan(Mistake::nobody_wrote)); }

#if !defined(__SANITIZE_THREAD__)  // which reports these
TEST_CASE("A copy that nobody waited for is not a number") {
  CHECK(leaves_nan(Mistake::no_barrier_after_copy));
}

TEST_CASE("A barrier that was left out shows in an order of threads") { CHECK(leaves_nan(Mistake::order)); }

TEST_CASE("Threads that do not come to a barrier, or meet at different places, end the program") {
  CHECK(ends_by_abort(Mistake::ended));
  CHECK(ends_by_abort(Mistake::different_places));
}
#endif
