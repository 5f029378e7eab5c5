// Token ids as a user writes them: integers separated by commas.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvern {

/// "1, 2,3" as {1, 2, 3}; at least one. Throws Error(input) beginning with `place`.
std::vector<int64_t> parse_token_ids(std::string_view text, const std::string &place);

}  // namespace kvern
