// Resident memory of the process, and byte counts as text.
#pragma once
#include <cstdint>
#include <string>

namespace kvern::cli {

/// Fixes the thresholds of malloc: blocks of a megabyte and more are returned to the system as soon as they are freed. By
/// default glibc raises its mmap threshold to the largest block freed so far: the workspace of a prefill step then fragments
/// the heap, which grows with the prompt. To be called before other threads start.
void return_large_blocks();

/// Ends the program with exit code 7 where memory runs out in a function that may not throw, such as the destructor of a JSON
/// document, which allocates. Else std::terminate aborts as before.
void exit_where_memory_ends();

/// Peak resident memory (VmHWM); 0 where the system does not report it.
int64_t peak_resident_bytes();

/// Resident memory now (VmRSS), mapped files included.
int64_t resident_bytes();

/// "512 bytes", "1.5 MB": powers of 1000, as in the configuration.
std::string byte_text(int64_t bytes);

}  // namespace kvern::cli
