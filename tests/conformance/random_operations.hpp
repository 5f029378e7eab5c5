// Random sequences of everything that the contract allows, on one cache: the test that a cache forgets nothing, invents
// nothing and gives back all memory.
#pragma once
#include <map>

#include "tests/conformance/harness.hpp"

namespace kvern::conformance {

/// How often each thing was done: for a test to see that it was done at all.
using Done = std::map<std::string, int64_t>;

/// One sequence of `length` operations. Throws Violation, the seed in its text.
void random_operations(const Subject &subject, uint64_t seed, int length, Done &done);

/// The same with caches on a simulated device, its seed that of the schedule.
void random_operations_on_device(const Subject &subject, const Schedule &schedule, int length, Done &done);

}  // namespace kvern::conformance
