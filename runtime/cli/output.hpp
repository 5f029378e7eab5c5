// Standard output, with failures noticed. Texts of files, plugins and arguments go through write_text, write_json or
// write_generated, which keep control characters from terminals.
#pragma once
#include <string_view>

namespace kvern::cli {

/// Writes as it is, and flushes. Throws Error(output) if it cannot be written in full.
void write_output(std::string_view text);

/// Tables and explanations: control characters but line breaks are escaped.
void write_text(std::string_view text);

/// A dumped JSON text: control characters from 0x7F on, which the library leaves as they are, are escaped as JSON escapes them.
void write_json(std::string_view dumped);

/// Texts of prompts and of models: as they are, but where standard output is a terminal control characters other than line
/// breaks and tabs are escaped.
void write_generated(std::string_view text);

/// Is standard output (or standard error) a terminal?
bool output_is_terminal();
bool errors_are_terminal();

}  // namespace kvern::cli
