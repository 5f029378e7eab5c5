// The services that a cache plugin gets from its host: counted memory within a budget, a log, and extensions.
#pragma once
#include <kvern/abi/cache_abi.h>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "devices/queue.hpp"

namespace kvern {

struct MemoryStats {
  int64_t live = 0, peak = 0;  ///< bytes held by caches now, and at most so far
  int64_t buffers = 0;         ///< buffers not yet released
};

struct HostOptions {
  int64_t memory_budget = 0;                  ///< bytes that caches may hold together; 0 = no limit
  std::string budget_name = "memory budget";  ///< in messages
  std::function<void(int level, const std::string &line)>
      log;                 ///< empty: lines of set_log_level and above go to standard error
  Queue *queue = nullptr;  ///< the device that caches are on; NULL: the CPU
};

/// The least level (KVERN_LOG_*) that hosts without a `log` write to standard error. At first: warnings.
void set_log_level(int level);

/// One host serves any number of caches, on any number of threads; it outlives them (Cache sees to that).
class Host {
 public:
  explicit Host(HostOptions options = {});
  ~Host();
  Host(const Host &) = delete;
  Host &operator=(const Host &) = delete;

  /// What plugins get. Lives as long as this object.
  const kvern_host *table() const;
  MemoryStats memory() const;
  /// The device that caches are on.
  Queue &queue() const;

  /// Offers an extension under `id` ("kvern.rope/1"). The table is borrowed and outlives the host; nullptr
  /// withdraws it. Before the first cache is created, not concurrently with calls of plugins.
  void offer(const std::string &id, const void *table);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kvern
