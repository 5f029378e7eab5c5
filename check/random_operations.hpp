// Random sequences of everything that the contract allows, on one cache: the test that a cache forgets nothing, invents
// nothing and gives back all memory.
#pragma once
#include <map>

#include "check/harness.hpp"

namespace kvern::conformance {

/// How often each thing was done: for a test to see that it was done at all.
using Done = std::map<std::string, int64_t>;

/// The seed of each operation. What an operation does follows from its seed and what the cache holds then, so that a part of a
/// sequence is a sequence.
using Operations = std::vector<uint64_t>;
Operations random_sequence(uint64_t seed, int length);

/// Takes the operations as they are done, each as lines of a program (check/program.hpp), before it is done.
class Trace {
 public:
  virtual ~Trace() = default;
  virtual void line(const std::string &text) = 0;
};

/// Runs a sequence on a new cache. Throws Violation.
void run_operations(const Subject &subject, bool moving, const Operations &operations, Done &done,
                    Trace *trace = nullptr);

/// One sequence of `length` operations, with moving memory where the seed is odd. Throws Violation, the seed in its text.
void random_operations(const Subject &subject, uint64_t seed, int length, Done &done);

/// The same with caches on a simulated device, its seed that of the schedule.
void random_operations_on_device(const Subject &subject, const Schedule &schedule, int length, Done &done);

}  // namespace kvern::conformance
