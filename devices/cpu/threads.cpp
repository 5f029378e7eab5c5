#include "devices/cpu/threads.hpp"

#include <algorithm>
#include <cstdlib>
#include <kvern/error.hpp>
#include <memory>
#include <stdexcept>
#include <vector>

#include "core/support/processors.hpp"
#include "core/support/thread_pool.hpp"
#include "kernels/cpu_capability.hpp"

namespace kvern {
namespace {

std::unique_ptr<ThreadPool> &pool() {
  static auto &instance = *new std::unique_ptr<ThreadPool>(std::make_unique<ThreadPool>(1));
  return instance;
}

std::string processors_text(int processors) {
  return std::to_string(processors) + (processors == 1 ? " processor" : " processors");
}

void check_range(int64_t threads, int processors) {
  if (threads >= 0 && threads <= kMaxThreads) return;
  throw Error(ErrorKind::config, "threads = " + std::to_string(threads) + ": must be between 1 and " +
                                     std::to_string(kMaxThreads) + "; this process may use " +
                                     processors_text(processors));
}

/// "; did you mean 'avx2'?" for a name that is none.
std::string nearest_capability(const char *name) {
  std::vector<std::string> known;
  for (const kernels::CpuCapability *one : kernels::known_capabilities()) known.emplace_back(one->name);
  const bool misspelt = name && std::find(known.begin(), known.end(), name) == known.end();
  return misspelt ? did_you_mean(name, known) : "";
}

/// Kernels detect the processor at their first call, too late for a message about KVERN_CPU.
void check_capability() {
  try {
    kernels::cpu_capability();
  } catch (const std::invalid_argument &error) {
    throw Error(ErrorKind::config, error.what() + nearest_capability(std::getenv("KVERN_CPU")));
  }
}

}  // namespace

std::string set_threads(int64_t threads) {
  check_capability();
  const int processors = allowed_processors();
  check_range(threads, processors);
  const int wanted = threads > 0 ? static_cast<int>(threads) : processors;
  pool().reset();  // its threads' stacks may be what a new thread needs
  pool() = std::make_unique<ThreadPool>(wanted);
  const int made = pool()->threads();
  if (made < wanted)
    return "only " + std::to_string(made) + " of " + std::to_string(wanted) +
           " threads compute: the system refused to create more";
  if (wanted > processors)
    return std::to_string(wanted) + " threads share the " + processors_text(processors) +
           " that this process may use: " + std::to_string(processors) + " would be faster";
  return "";
}

int threads() { return pool()->threads(); }

kernels::Parallel parallel() {
  return {pool()->threads(), pool().get(),
          [](void *ctx, int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *arg) {
            static_cast<ThreadPool *>(ctx)->run(n, grain, body, arg);
          }};
}

}  // namespace kvern
