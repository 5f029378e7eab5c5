// How often this thread has allocated, in programs that link counting_new.cpp.
#pragma once

namespace kvern::testing {
int allocations();
/// And how many bytes in all, whether it has freed them or not.
long long allocated_bytes();
}  // namespace kvern::testing
