// The `post_processor` of tokenizer.json: puts special tokens around one text or two.
#pragma once
#include <memory>
#include <vector>

#include "runtime/tokenizer/encoding.hpp"
#include "runtime/tokenizer/load/json_node.hpp"

namespace kvern::tokenizer {

using Encodings = std::vector<Encoding>;

class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  /// From one or two encodings to a list whose parts, one behind the other, are the result. Any thread.
  virtual Encodings apply(Encodings encodings, bool add_special_tokens) const = 0;
};

/// The component that `node` describes. Unknown types and wrong fields are an Error (model).
std::unique_ptr<PostProcessor> make_post_processor(const JsonNode &node);

}  // namespace kvern::tokenizer
