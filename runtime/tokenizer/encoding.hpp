// What encoding gives: ids, and for each of them which of two texts it belongs to and whether it was added
// around them.
#pragma once
#include <cstdint>
#include <vector>

namespace kvern::tokenizer {

struct Encoding {
  std::vector<int64_t> ids;
  std::vector<int64_t> type_ids;  ///< as many: 0 for the first text, 1 for the second, or as the file says
  std::vector<int64_t> special_tokens_mask;  ///< as many: 1 where the post-processor added a token
};

}  // namespace kvern::tokenizer
