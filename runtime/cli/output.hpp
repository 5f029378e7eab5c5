// Standard output, with failures noticed.
#pragma once
#include <string_view>

namespace kvern::cli {

/// Writes and flushes. Throws Error(output) if it cannot be written in full.
void write_output(std::string_view text);

/// Is standard output (or standard error) a terminal?
bool output_is_terminal();
bool errors_are_terminal();

}  // namespace kvern::cli
