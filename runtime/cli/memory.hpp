// The process's memory, and amounts of it for people.
#pragma once
#include <cstdint>
#include <string>

namespace kvern::cli {

/// The most that was resident so far (VmHWM); 0 where the system does not say.
int64_t peak_resident_bytes();

/// What is resident now (VmRSS), mapped files among it.
int64_t resident_bytes();

/// "512 bytes", "1.5 MB": powers of 1000, as in the configuration.
std::string byte_text(int64_t bytes);

}  // namespace kvern::cli
