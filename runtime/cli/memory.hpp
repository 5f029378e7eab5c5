// The process's memory, and amounts of it for people.
#pragma once
#include <cstdint>
#include <string>

namespace kvern::cli {

/// From here on blocks of a megabyte and more go back to the system as soon as they are freed, and no size makes an
/// exception of itself. Left alone, the C library keeps blocks of the largest size freed so far in its heap: each step of
/// a long prompt then finds its working memory cut up by what lives longer, and the heap grows with the prompt. To be
/// called before other threads start.
void return_large_blocks();

/// The most that was resident so far (VmHWM); 0 where the system does not say.
int64_t peak_resident_bytes();

/// What is resident now (VmRSS), mapped files among it.
int64_t resident_bytes();

/// "512 bytes", "1.5 MB": powers of 1000, as in the configuration.
std::string byte_text(int64_t bytes);

}  // namespace kvern::cli
