// Names that come out of files, made fit for a message: quoted by the caller, no control bytes, of bounded
// length.
#pragma once
#include <string>
#include <string_view>

namespace kvern {

/// `text` with every byte that is no printable ASCII and no valid UTF-8 sequence as \xNN, cut to about
/// `limit` bytes.
std::string printable(std::string_view text, size_t limit = 120);

/// 'text', printable and in single quotes.
std::string in_quotes(std::string_view text);

}  // namespace kvern
